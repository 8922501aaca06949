#include "tests/fuzz/fuzzer.hpp"

#include <array>

namespace holdfast::fuzz {

std::span<fuzzer const> all_fuzzers() noexcept {
  static constexpr std::array all{
      fuzzer{"answers", "http", fuzz_answers},
      fuzzer{"chunked_body", "http", fuzz_chunked_body},
      fuzzer{"experiment", "toml", fuzz_experiment},
      fuzzer{"fields", "fields", fuzz_fields},
      fuzzer{"json", "json", fuzz_json},
      fuzzer{"patch", "json", fuzz_patch},
      fuzzer{"requests", "http", fuzz_requests},
      fuzzer{"target", "fields", fuzz_target},
      fuzzer{"tokens", "toml", fuzz_tokens},
      fuzzer{"transaction", "json", fuzz_transaction},
  };
  return all;
}

}  // namespace holdfast::fuzz
