// holdfast_fuzz NAME [libFuzzer's arguments] [corpus directories and files]: what libFuzzer calls.
// holdfast_fuzz --dictionary NAME prints which dictionary that fuzzer uses.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzzer.hpp"

namespace {

holdfast::fuzz::fuzzer const* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  using holdfast::fuzz::all_fuzzers;
  constexpr std::string_view flag = "--fuzzer=";
  auto const asks = *count == 3 && std::string_view((*arguments)[1]) == "--dictionary";
  std::string_view name = asks ? (*arguments)[2] : *count > 1 ? (*arguments)[1] : "";
  if (name.starts_with(flag)) name.remove_prefix(flag.size());
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
  // libFuzzer takes a name for a corpus, and passes over what begins so. It stays for the processes that -merge=1,
  // -minimize_crash=1 and -fork start with the same arguments.
  static std::string const chosen_name = std::string(flag) + std::string(chosen->name);
  (*arguments)[1] = const_cast<char*>(chosen_name.c_str());
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
