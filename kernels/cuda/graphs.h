// CUDA graphs of kernel launches, for tests (a replay on changed inputs) and benchmarks (time without launch
// gaps).
#pragma once

namespace gyre::kernels::cuda {

struct Graph;

// Captures what enqueue(context, stream) launches on a stream of the graph's own; it must not wait or
// allocate. Returns 0 and the graph, or the code of enqueue or of the device.
int record_graph(int (*enqueue)(void* context, void* stream), void* context, Graph** graph);

// Waits for all earlier work of the device, replays and waits. microseconds: `times` durations by events, or
// null.
int replay_graph(Graph* graph, int times, double* microseconds);

void free_graph(Graph* graph);

}  // namespace gyre::kernels::cuda
