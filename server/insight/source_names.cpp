#include "server/insight/source_names.hpp"

#include <algorithm>

namespace holdfast::server {
namespace {

bool is_shown_as_it_is(std::string_view text) {
  return !text.empty() && text.size() <= source_names::bytes_max &&
         std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

/// A client with one of these names would look like a part of the server.
bool is_reserved(std::string_view text) {
  return text == "writer" || text == "expiry" || text == "unknown";
}

}  // namespace

std::string_view product_of(std::string_view user_agent) noexcept {
  if (user_agent.starts_with("Mozilla/"))
    // The order matters: Edge's User-Agent contains Chrome, and Chrome's contains Safari.
    for (std::string_view const browser : {"Firefox", "Edg", "Chrome", "Safari"})
      if (auto const at = user_agent.find(browser); at != std::string_view::npos &&
                                                    at + browser.size() < user_agent.size() &&
                                                    user_agent[at + browser.size()] == '/')
        return user_agent.substr(at, browser.size());
  return user_agent.substr(0, user_agent.find_first_of("/ ("));
}

std::uint16_t source_names::number_of(std::string_view source, std::string_view user_agent) {
  if (is_shown_as_it_is(source) && !is_reserved(source)) return keep(source, false);
  auto const product = product_of(user_agent);
  return is_shown_as_it_is(product) ? keep(product, true) : std::uint16_t(0);
}

std::uint16_t source_names::keep(std::string_view text, bool has_port) {
  auto key = (has_port ? ":" : "=") + std::string(text);
  std::scoped_lock const guard(mutex_);
  if (auto const found = numbers_.find(key); found != numbers_.end()) return found->second;
  if (names_.size() == names_max) return 0;
  names_.push_back({std::string(text), has_port});
  auto const number = static_cast<std::uint16_t>(names_.size());
  numbers_.emplace(std::move(key), number);
  return number;
}

std::string source_names::text_of(peer_address const& source) const {
  if (source.name != 0) {
    std::scoped_lock const guard(mutex_);
    if (source.name <= names_.size()) {
      auto const& found = names_[source.name - 1U];
      return found.has_port ? found.text + ':' + std::to_string(source.port) : found.text;
    }
  }
  return to_string(source);
}

}  // namespace holdfast::server
