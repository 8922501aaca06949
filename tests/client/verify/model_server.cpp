#include "tests/client/verify/model_server.hpp"

#include <utility>

namespace holdfast::tests {
namespace {

constexpr auto problem = "Content-Type: application/problem+json\r\n";

}  // namespace

model_server::model_server(fault what)
    : fault_(what), server_([this](auto const& request) { return answer(request); }) {}

scripted_answer model_server::answer(scripted_server::request const& request) {
  auto const& text = request.text;
  auto const path_begin = text.find('/');
  auto const path = text.substr(path_begin, text.find_first_of(" ?", path_begin) - path_begin);
  std::lock_guard const guard(mutex_);
  ++requests_;
  // The keys are stored before the run by a server that is in order.
  auto const is_faulty = requests_ > 20 && requests_ % 7 == 0;
  if (is_faulty && leaves_unknown() && requests_ % 2 == 0) return no_answer();
  auto answered = text.starts_with("GET")   ? get(path, is_faulty)
                  : text.starts_with("PUT") ? put(path, text.substr(text.find("\r\n\r\n") + 4), is_faulty)
                                            : del(path, is_faulty);
  return is_faulty && leaves_unknown() ? no_answer() : answered;
}

scripted_answer model_server::get(std::string const& path, bool is_faulty) {
  auto const found = entries_.find(path);
  if (found == entries_.end()) return {.bytes = sound_answer("404 Not Found", problem, "{}")};
  auto value = found->second.value;
  if (is_faulty) {
    if (fault_ == fault::other_keys_value)
      value = (found == entries_.begin() ? entries_.rbegin()->second : entries_.begin()->second).value;
    if (fault_ == fault::stale_value && !found->second.before.empty()) value = found->second.before;
    if (fault_ == fault::foreign_value) value.replace(9, 16, "00000000deadbeef");
    if (fault_ == fault::broken_value) value.erase(40, 1);
  }
  scripted_answer answered{.bytes = sound_answer("200 OK", "Content-Type: application/json\r\n" + tag(), value)};
  if (is_faulty && fault_ == fault::cut_body) {
    answered.bytes.resize(answered.bytes.size() - 10);
    answered.then = scripted_answer::ending::close;
  }
  return answered;
}

scripted_answer model_server::put(std::string const& path, std::string value, bool is_faulty) {
  auto const is_new = !entries_.contains(path);
  if (!is_faulty || fault_ != fault::lost_update) {
    auto& entry = entries_[path];
    entry.before = std::exchange(entry.value, std::move(value));
  }
  ++revision_;
  if (is_faulty && fault_ == fault::falling_revision) revision_ -= 2;
  if (is_new) return {.bytes = sound_answer("201 Created", tag(), "")};
  return {.bytes = "HTTP/1.1 204 No Content\r\n" + tag() + "\r\n"};
}

scripted_answer model_server::del(std::string const& path, bool is_faulty) {
  if (!entries_.contains(path)) return {.bytes = sound_answer("404 Not Found", problem, "{}")};
  if (!is_faulty || fault_ != fault::undeleted) entries_.erase(path);
  ++revision_;
  return {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"};
}

scripted_answer model_server::no_answer() const {
  using ending = scripted_answer::ending;
  if (fault_ == fault::failing) return {.bytes = sound_answer("500 Internal Server Error", "", "")};
  return {.bytes = {}, .then = fault_ == fault::stalling ? ending::stall : ending::close};
}

std::string model_server::tag() const {
  return "ETag: \"00000000000000ff-" + std::to_string(revision_) + "\"\r\n";
}

}  // namespace holdfast::tests
