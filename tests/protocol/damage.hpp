#pragma once

#include <random>
#include <string>
#include <vector>

namespace holdfast::protocol {

/// Valid requests of many kinds.
[[nodiscard]] std::vector<std::string> const& sample_requests();

/// `text` with up to three random injuries.
[[nodiscard]] std::string damaged(std::string text, std::mt19937& random);

}  // namespace holdfast::protocol
