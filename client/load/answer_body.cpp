#include "client/load/answer_body.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

#include "client/load/workload.hpp"

namespace holdfast::client::load {
namespace {

using json = nlohmann::json;

/// A streaming reader of `{"revision":…, ARRAY:[{"key":…, …}, …], "next":…}`; builds no document.
class body_reader final : public nlohmann::json_sax<json> {
 public:
  body_reader(std::string_view array, std::string_view prefix, shown_answer& to)
      : array_(array), prefix_(prefix), to_(to) {}

  [[nodiscard]] bool is_whole() const { return saw_revision_ && saw_array_; }

  bool null() override { return note(); }
  bool boolean(bool value) override {
    if (depth_ == entry_depth) {
      if (name_ == "missing" && value) entry_.what = shown_key::part::missing;
      if (name_ == "created") {
        entry_.what = shown_key::part::put;
        entry_.was_present = !value;
      }
      if (name_ == "deleted") {
        entry_.what = shown_key::part::removed;
        entry_.was_present = value;
      }
    }
    return note();
  }
  bool number_integer(number_integer_t value) override {
    return value >= 0 ? number_unsigned(static_cast<number_unsigned_t>(value)) : note();
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 1 && name_ == "revision") {
      to_.revision = value;
      saw_revision_ = true;
    } else if (depth_ == entry_depth && name_ == "revision") {
      entry_.revision = value;
    } else if (depth_ == entry_depth && name_ == "value") {
      entry_.value = value;
      is_count_ = true;
    }
    return note();
  }
  bool number_float(number_float_t, string_t const&) override { return note(); }
  bool string(string_t& value) override {
    if (depth_ == 1 && name_ == "next") to_.to_the_end = false;
    if (depth_ == entry_depth && name_ == "key") entry_.key = number_of_key(value, prefix_);
    if (depth_ == entry_depth && name_ == "value") {
      if (auto const read = parse_value('"' + value + '"')) {
        entry_.value = read->value;
        value_of_ = read->key;
      }
    }
    return note();
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    if (++depth_ == entry_depth) {
      if (!in_array_) return false;
      entry_ = {};
      value_of_ = verify::no_key;
      is_count_ = false;
    }
    return true;
  }
  bool key(string_t& name) override {
    name_.swap(name);
    return true;
  }
  bool end_object() override {
    if (depth_-- == entry_depth) {
      auto const counts = (entry_.key & verify::counter_keys) != 0;
      auto const has_value = counts ? is_count_ : value_of_ == entry_.key;
      entry_.is_ours = entry_.key != verify::no_key && (entry_.what != shown_key::part::version || has_value);
      to_.keys.push_back(entry_);
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (++depth_ == 2) {
      in_array_ = name_ == array_;
      saw_array_ = saw_array_ || in_array_;
    }
    return true;
  }
  bool end_array() override {
    if (depth_-- == 2) in_array_ = false;
    return true;
  }
  bool parse_error(std::size_t, std::string const&, json::exception const&) override { return false; }

 private:
  static constexpr int entry_depth = 3;

  static bool note() { return true; }

  std::string_view array_, prefix_;
  shown_answer& to_;
  std::string name_;
  shown_key entry_;
  std::uint32_t value_of_ = verify::no_key;
  bool is_count_ = false;
  int depth_ = 0;
  bool in_array_ = false;
  bool saw_array_ = false;
  bool saw_revision_ = false;
};

bool read(std::string_view body, std::string_view array, std::string_view prefix, shown_answer& to) {
  to.revision = 0;
  to.to_the_end = true;
  to.keys.clear();
  body_reader reader(array, prefix, to);
  return json::sax_parse(body, &reader) && reader.is_whole();
}

}  // namespace

bool read_list(std::string_view body, std::string_view prefix, shown_answer& to) {
  return read(body, "entries", prefix, to);
}

bool read_transaction(std::string_view body, std::string_view prefix, shown_answer& to) {
  return read(body, "results", prefix, to);
}

std::optional<std::uint64_t> read_count(std::string_view body) {
  auto const read = json::parse(body, nullptr, false);
  auto const count = read.is_object() ? read.value("value", json()) : read;
  return count.is_number_unsigned() ? std::optional(count.get<std::uint64_t>()) : std::nullopt;
}

verify::key_number number_of_key(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return verify::no_key;
  name.remove_prefix(prefix.size());
  auto const counts = name.starts_with(counter_mark);
  if (counts) name.remove_prefix(counter_mark.size());
  verify::key_number number = 0;
  auto const [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed != std::errc() || end != name.data() + name.size() || number >= verify::counter_keys)
    return verify::no_key;
  return counts ? number | verify::counter_keys : number;
}

}  // namespace holdfast::client::load
