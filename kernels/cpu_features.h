// What the processor at hand can run; decided once per process.
#pragma once

namespace gyre::kernels {

bool cpu_has_avx512();      // F, BW, DQ, VL
bool cpu_has_avx512bf16();  // the above and BF16
bool cpu_has_avx2();        // AVX2, FMA, F16C

}  // namespace gyre::kernels
