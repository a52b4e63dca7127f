// ./threads model.twa: eight threads run one model at once, and a wrong call is an exception.
#include <cstdio>
#include <tensorwright/twrt.hpp>
#include <thread>

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const twrt::Model model(argv[1]);
  std::vector<float> sums(8);
  std::vector<std::thread> threads;
  for (int k = 0; k < 8; ++k)
    threads.emplace_back([&, k] {
      for (int round = 0; round < 200; ++round) {
        const twrt::Tensor x({2, 3}, twrt::kFloat32);
        for (int i = 0; i < 6; ++i) x.data<float>()[i] = static_cast<float>(k);
        sums[static_cast<size_t>(k)] = model.run({&x}).at(0).data<float>()[0];
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const float sum : sums) std::printf("%g ", static_cast<double>(sum));
  try {
    model.run({});
  } catch (const twrt::Error& error) {
    std::printf("%s\n", error.what());
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
