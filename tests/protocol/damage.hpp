#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::protocol {

/// Valid requests of many kinds.
[[nodiscard]] std::vector<std::string> const& sample_requests();

/// `text` with up to three random injuries.
[[nodiscard]] std::string damaged(std::string text, std::mt19937& random);

/// The same for texts of another kind. @param nasty characters that mean something there. @param mixed_in whose pieces
/// get mixed in.
[[nodiscard]] std::string damaged(std::string text, std::mt19937& random, std::string_view nasty,
                                  std::vector<std::string> const& mixed_in);

}  // namespace holdfast::protocol
