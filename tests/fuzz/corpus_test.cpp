// Each fuzzer over its corpus, so that both stay in order where nothing is fuzzed. An input that once broke a promise
// is there under a name that says what was wrong.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzzer.hpp"

namespace holdfast::fuzz {
namespace {

std::filesystem::path const corpora = HOLDFAST_FUZZ_CORPORA;

struct corpus : testing::TestWithParam<fuzzer> {};

TEST_P(corpus, keeps_all_promises) {
  auto const& one = GetParam();
  auto inputs = 0;
  for (auto const& file : std::filesystem::directory_iterator(corpora / one.name)) {
    std::ifstream in(file.path(), std::ios::binary);
    std::string const input{std::istreambuf_iterator<char>(in), {}};
    EXPECT_NO_THROW(one.run(input)) << file.path();
    // Cut off anywhere, it is one that comes in pieces.
    for (std::size_t size = 0; size < input.size(); size += 1 + size / 8)
      EXPECT_NO_THROW(one.run(input.substr(0, size))) << file.path() << ", the first " << size << " bytes";
    ++inputs;
  }
  EXPECT_GT(inputs, 2);
}

INSTANTIATE_TEST_SUITE_P(fuzzers, corpus, testing::ValuesIn(all_fuzzers().begin(), all_fuzzers().end()),
                         [](auto const& one) { return std::string(one.param.name); });

TEST(corpora, each_belong_to_a_fuzzer) {
  for (auto const& folder : std::filesystem::directory_iterator(corpora)) {
    auto const name = folder.path().filename().string();
    EXPECT_TRUE(std::ranges::any_of(all_fuzzers(), [&](auto const& one) { return one.name == name; })) << name;
  }
}

}  // namespace
}  // namespace holdfast::fuzz
