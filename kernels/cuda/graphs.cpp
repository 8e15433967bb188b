#include "kernels/cuda/graphs.h"

#include <cuda_runtime.h>

#include <memory>

namespace gyre::kernels::cuda {

struct Graph {
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  cudaGraphExec_t run = nullptr;

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    if (run) cudaGraphExecDestroy(run);
    if (begin) cudaEventDestroy(begin);
    if (end) cudaEventDestroy(end);
    if (stream) cudaStreamDestroy(stream);
  }
};

int record_graph(int (*enqueue)(void* context, void* stream), void* context, Graph** graph) {
  auto made = std::make_unique<Graph>();
  int status = cudaStreamCreateWithFlags(&made->stream, cudaStreamNonBlocking);
  if (status == cudaSuccess) status = cudaEventCreate(&made->begin);
  if (status == cudaSuccess) status = cudaEventCreate(&made->end);
  // Calls that would not be part of the graph are errors, in any thread.
  if (status == cudaSuccess) status = cudaStreamBeginCapture(made->stream, cudaStreamCaptureModeGlobal);
  if (status != cudaSuccess) return status;
  status = enqueue(context, made->stream);
  cudaGraph_t captured = nullptr;
  const int ended = cudaStreamEndCapture(made->stream, &captured);
  if (status == cudaSuccess) status = ended;
  if (status == cudaSuccess) status = cudaGraphInstantiate(&made->run, captured, 0);
  if (captured) cudaGraphDestroy(captured);
  if (status != cudaSuccess) return status;
  *graph = made.release();
  return 0;
}

int replay_graph(Graph* graph, int times, double* microseconds) {
  int status = cudaDeviceSynchronize();
  for (int i = 0; i < times && status == cudaSuccess; ++i) {
    if (microseconds) status = cudaEventRecord(graph->begin, graph->stream);
    if (status == cudaSuccess) status = cudaGraphLaunch(graph->run, graph->stream);
    if (status == cudaSuccess && microseconds) {
      status = cudaEventRecord(graph->end, graph->stream);
      if (status == cudaSuccess) status = cudaEventSynchronize(graph->end);
      float milliseconds = 0;
      if (status == cudaSuccess) status = cudaEventElapsedTime(&milliseconds, graph->begin, graph->end);
      microseconds[i] = 1000.0 * static_cast<double>(milliseconds);
    }
  }
  return status == cudaSuccess ? cudaStreamSynchronize(graph->stream) : status;
}

void free_graph(Graph* graph) {
  delete graph;
}

}  // namespace gyre::kernels::cuda
