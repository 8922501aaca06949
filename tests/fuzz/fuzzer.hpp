#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace holdfast::fuzz {

/// Gives one parser any bytes and holds it to its promises.
struct fuzzer {
  std::string_view name;                ///< also of its folder in corpus/
  std::string_view dictionary;          ///< a file in dictionaries/
  void (*run)(std::string_view input);  ///< throws broken_promise
};

[[nodiscard]] std::span<fuzzer const> all_fuzzers() noexcept;

struct broken_promise : std::logic_error {
  using std::logic_error::logic_error;
};

/// @param promise what is said to hold, for whoever reads the report.
inline void require(bool holds, char const* promise) {
  if (!holds) throw broken_promise(promise);
}
inline void require(bool holds, char const* promise, std::string_view found, std::string_view expected) {
  if (!holds)
    throw broken_promise(std::string(promise) + "\nfound:    " + std::string(found) +
                         "\nexpected: " + std::string(expected));
}

void fuzz_requests(std::string_view input);
void fuzz_chunked_body(std::string_view input);
void fuzz_target(std::string_view input);
void fuzz_json(std::string_view input);
void fuzz_patch(std::string_view input);
void fuzz_transaction(std::string_view input);
void fuzz_tokens(std::string_view input);
void fuzz_experiment(std::string_view input);
void fuzz_fields(std::string_view input);
void fuzz_answers(std::string_view input);

}  // namespace holdfast::fuzz
