// holdfast_fuzz NAME [libFuzzer's arguments] [corpus directories and files]: what libFuzzer calls.
// holdfast_fuzz --dictionary NAME prints which dictionary that fuzzer uses.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/fuzz/fuzzer.hpp"

namespace {

holdfast::fuzz::fuzzer const* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  using holdfast::fuzz::all_fuzzers;
  auto const asks = *count == 3 && std::string_view((*arguments)[1]) == "--dictionary";
  auto const* const name = asks ? (*arguments)[2] : *count > 1 ? (*arguments)[1] : "";
  for (auto const& one : all_fuzzers())
    if (one.name == name) chosen = &one;
  if (chosen == nullptr) {
    std::fputs("name a fuzzer as the first argument:", stderr);
    for (auto const& one : all_fuzzers()) std::fprintf(stderr, " %s", std::string(one.name).c_str());
    std::fputc('\n', stderr);
    std::exit(2);
  }
  if (asks) {
    std::puts(std::string(chosen->dictionary).c_str());
    std::exit(0);
  }
  // libFuzzer sees the arguments behind it.
  (*arguments)[1] = (*arguments)[0];
  ++*arguments;
  --*count;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* bytes, std::size_t count) {
  try {
    chosen->run({reinterpret_cast<char const*>(bytes), count});
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::abort();  // libFuzzer keeps the input
  }
  return 0;
}
