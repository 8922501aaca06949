#include "tests/client/verify/revision_server.hpp"

#include <utility>

namespace holdfast::tests {
namespace {

constexpr auto problem = "Content-Type: application/problem+json\r\n";
constexpr auto content = "Content-Type: application/json\r\n";

std::string tag_of(std::uint64_t revision) {
  return "\"a1b2c3d4e5f60718-" + std::to_string(revision) + '"';
}

std::string tag_field(std::uint64_t revision) {
  return "ETag: " + tag_of(revision) + "\r\n";
}

}  // namespace

/// A request's path and query, and the condition among its fields.
struct revision_server::target {
  explicit target(std::string const& text) {
    auto const begin = text.find(' ') + 1;
    auto whole = text.substr(begin, text.find(' ', begin) - begin);
    auto const question = whole.find('?');
    path = whole.substr(0, question);
    if (question != std::string::npos) {
      for (auto rest = whole.substr(question + 1); !rest.empty();) {
        auto const end = rest.find('&');
        auto const part = rest.substr(0, end);
        auto const equals = part.find('=');
        query[part.substr(0, equals)] = equals == std::string::npos ? "" : part.substr(equals + 1);
        rest = end == std::string::npos ? "" : rest.substr(end + 1);
      }
    }
    if (path.size() > 7) key = path.substr(7);
    creates = text.find("\r\nIf-None-Match: *\r\n") != std::string::npos;
    if (auto const field = text.find("\r\nIf-Match: "); field != std::string::npos)
      wanted = text.substr(field + 12, text.find("\r\n", field + 2) - field - 12);
  }

  std::string path, key, wanted;
  std::map<std::string, std::string> query;
  bool creates = false;
};

revision_server::revision_server(fault what)
    : fault_(what), server_([this](auto const& request) { return answer(request); }) {}

bool revision_server::fails(fault what) {
  // The keys are stored before the run by a server that is in order.
  return fault_ == what && requests_ > 20 && requests_ % 5 == 0;
}

revision_server::version const* revision_server::find(std::string const& key) const {
  auto const found = entries_.find(key);
  return found == entries_.end() || !found->second.now ? nullptr : &*found->second.now;
}

std::string revision_server::revision_field() const {
  return "Holdfast-Revision: " + std::to_string(revision_) + "\r\n";
}

void revision_server::expire() {
  auto const now = clock::now();
  for (auto& [key, one] : entries_) {
    if (!one.now || one.now->ends > now || fault_ == fault::late_expiry) continue;
    events_.push_back({{"event", "expire"}, {"key", key}, {"revision", ++revision_}, {"previous", one.now->revision}});
    one.before = std::exchange(one.now, std::nullopt);
  }
}

void revision_server::store(std::string const& key, std::string value, std::string const& ttl) {
  auto& one = entries_[key];
  auto const previous = one.now ? one.now->revision : 0;
  one.before = std::move(one.now);
  one.now = version{.value = std::move(value), .revision = ++revision_};
  if (!ttl.empty())
    one.now->ends =
        fails(fault::early_expiry) ? clock::now() : clock::now() + std::chrono::nanoseconds(std::stoll(ttl));
  events_.push_back({{"event", "put"},
                     {"key", key},
                     {"revision", revision_},
                     {"previous", previous},
                     {"value", json::parse(one.now->value)}});
}

void revision_server::finish_torn() {
  if (!torn_ || torn_for_-- > 0) return;
  auto const part = *std::exchange(torn_, std::nullopt);
  store(part["put"], part["value"].dump(), "");
}

scripted_answer revision_server::answer(scripted_server::request const& request) {
  target const asked(request.text);
  std::lock_guard const guard(mutex_);
  ++requests_;
  expire();
  finish_torn();
  auto const body = request.text.substr(request.text.find("\r\n\r\n") + 4);
  auto const is_lost = fails(fault::silent) && asked.path != "/v1/watch";
  scripted_answer const closed{.bytes = {}, .then = scripted_answer::ending::close};
  if (is_lost && requests_ % 2 == 0) return closed;
  auto made = asked.path == "/v1/watch"            ? watch(asked)
              : asked.path == "/v1/txn"            ? transaction(body)
              : asked.path == "/v1/kv"             ? list(asked)
              : request.text.starts_with("GET")    ? get(asked.key)
              : request.text.starts_with("POST")   ? increment(asked.key)
              : request.text.starts_with("DELETE") ? del(asked.key)
                                                   : put(asked, body);
  return is_lost ? closed : made;
}

scripted_answer revision_server::get(std::string const& key) {
  auto const* found = find(key);
  if (found == nullptr) return {.bytes = sound_answer("404 Not Found", problem + revision_field(), "{}")};
  if (fails(fault::stale_read) && entries_[key].before) found = &*entries_[key].before;
  auto value = found->value;
  if (fails(fault::other_keys_value)) {
    auto const& other = entries_.begin()->first == key ? entries_.rbegin()->second : entries_.begin()->second;
    if (other.now) value = other.now->value;
  }
  return {.bytes = sound_answer("200 OK", content + tag_field(found->revision), value)};
}

scripted_answer revision_server::put(target const& asked, std::string value) {
  auto const* const found = find(asked.key);
  auto const is_met = (!asked.creates || found == nullptr) &&
                      (asked.wanted.empty() || (found != nullptr && tag_of(found->revision) == asked.wanted));
  auto const ignores = asked.creates ? fails(fault::created_twice) : fails(fault::lost_update);
  auto const conditional = asked.creates || !asked.wanted.empty();
  if ((!is_met && !ignores) || (conditional && fails(fault::wrong_refusal))) {
    auto const shown = found == nullptr ? std::string() : tag_field(found->revision);
    return {.bytes = sound_answer("412 Precondition Failed", problem + shown + revision_field(),
                                  R"({"code":"precondition_failed","title":"x"})")};
  }
  auto const is_new = found == nullptr || (asked.creates && ignores);
  auto const ttl = asked.query.find("ttl");
  if (fails(fault::backwards)) revision_ -= 3;
  store(asked.key, std::move(value), ttl == asked.query.end() ? "" : ttl->second);
  if (fails(fault::lost_write)) entries_.erase(asked.key);
  if (is_new) return {.bytes = sound_answer("201 Created", tag_field(revision_), "")};
  return {.bytes = "HTTP/1.1 204 No Content\r\n" + tag_field(revision_) + "\r\n"};
}

scripted_answer revision_server::del(std::string const& key) {
  auto const* const found = find(key);
  if (found == nullptr) return {.bytes = sound_answer("404 Not Found", problem + revision_field(), "{}")};
  events_.push_back({{"event", "delete"}, {"key", key}, {"revision", ++revision_}, {"previous", found->revision}});
  auto& one = entries_[key];
  if (!fails(fault::undeleted)) one.before = std::exchange(one.now, std::nullopt);
  return {.bytes = "HTTP/1.1 204 No Content\r\n" + revision_field() + "\r\n"};
}

scripted_answer revision_server::increment(std::string const& key) {
  auto const* const found = find(key);
  auto const before = found == nullptr ? 0 : std::stoull(found->value);
  auto const after = std::to_string(before != 0 && fails(fault::lost_increment) ? before : before + 1);
  store(key, after, "");
  return {.bytes = sound_answer(found == nullptr ? "201 Created" : "200 OK", content + tag_field(revision_), after)};
}

scripted_answer revision_server::list(target const& asked) {
  auto const limit = std::stoul(asked.query.at("limit"));
  auto const& prefix = asked.query.at("prefix");
  auto const after = asked.query.find("after");
  json made{{"revision", revision_}, {"entries", json::array()}};
  auto const stale = fails(fault::stale_list), incomplete = fails(fault::incomplete_list);
  std::string last;
  for (auto const& [key, one] : entries_) {
    if (!key.starts_with(prefix) || (after != asked.query.end() && key <= after->second)) continue;
    auto const& shown = stale && one.before ? one.before : one.now;
    if (!shown) continue;
    if (made["entries"].size() == limit) {
      made["next"] = last;
      break;
    }
    last = key;
    if (incomplete && made["entries"].size() == 1) continue;
    made["entries"].push_back({{"key", key},
                               {"revision", shown->revision},
                               {"bytes", shown->value.size()},
                               {"value", json::parse(shown->value)}});
  }
  return {.bytes = sound_answer("200 OK", content + revision_field(), made.dump())};
}

scripted_answer revision_server::transaction(std::string const& body) {
  auto const asked = json::parse(body);
  auto const ignores = fails(fault::write_skew);
  auto const checks = asked.value("checks", json::array());
  for (auto const& check : checks) {
    auto const* const found = find(check["key"]);
    auto const is_met = check.contains("etag")
                            ? found != nullptr && tag_of(found->revision) == check["etag"].get<std::string>()
                            : found == nullptr;
    if ((is_met && !fails(fault::wrong_refusal)) || ignores) continue;
    return {.bytes = sound_answer("412 Precondition Failed", problem + revision_field(),
                                  R"({"code":"check_failed","title":"x"})")};
  }
  json results = json::array();
  for (auto const& part : asked["operations"]) {
    if (part.contains("get")) {
      std::string const key = part["get"];
      auto const* found = find(key);
      if (ignores && entries_[key].before) found = &*entries_[key].before;
      if (found == nullptr) {
        results.push_back({{"key", key}, {"missing", true}});
      } else {
        results.push_back({{"key", key}, {"revision", found->revision}, {"value", json::parse(found->value)}});
      }
      continue;
    }
    std::string const key = part["put"];
    auto const is_new = find(key) == nullptr;
    if (&part == &asked["operations"].back() && results.size() == 3 && !torn_ && fails(fault::torn_transaction)) {
      torn_ = part;
      torn_for_ = 3;
      results.push_back({{"key", key}, {"revision", revision_ + 1}, {"created", is_new}});
      return {.bytes = sound_answer("200 OK", content + revision_field(),
                                    json{{"revision", revision_ + 1}, {"results", results}}.dump())};
    }
    store(key, part["value"].dump(), part.value("ttl", std::string()));
    results.push_back({{"key", key}, {"revision", revision_}, {"created", is_new}});
  }
  return {.bytes = sound_answer("200 OK", content + revision_field(),
                                json{{"revision", revision_}, {"results", results}}.dump())};
}

/// What has happened so far; the client asks again from there.
scripted_answer revision_server::watch(target const& asked) {
  auto const from = std::stoull(asked.query.at("from"));
  std::string lines;
  std::size_t told = 0;
  for (auto const& event : events_) {
    if (event["revision"].get<std::uint64_t>() <= from ||
        !event["key"].get<std::string>().starts_with(asked.query.at("prefix")))
      continue;
    ++told;
    if (fault_ == fault::missed_event && told % 7 == 3) continue;
    lines += event.dump() + '\n';
    if (fault_ == fault::repeated_event && told % 7 == 3) lines += event.dump() + '\n';
  }
  return {.bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n" + lines,
          .then = scripted_answer::ending::close};
}

}  // namespace holdfast::tests
