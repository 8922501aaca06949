#include "protocol/json.hpp"

#include <nlohmann/json.hpp>

namespace holdfast::protocol {
namespace {

/// Takes the parser's events and keeps nothing but the depth and what went wrong.
class validator final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, string_t const&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const& error) override {
    std::string_view what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": the bracket is of no use to a client.
    if (auto const end = what.find("] "); what.starts_with('[') && end != std::string_view::npos)
      what.remove_prefix(end + 2);
    problem = what;
    return false;
  }

  std::string problem;

 private:
  bool enter() {
    if (++depth_ <= json_depth_max) return true;
    problem = "nested deeper than " + std::to_string(json_depth_max) + " levels";
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int depth_ = 0;
};

}  // namespace

result<void> check_json(std::string_view text) {
  if (text.empty())
    return failure{errc::invalid_json,
                   "the body is empty; send a JSON value, such as \"hello\" with its quotes, 42 or {}"};
  if (text.starts_with("\xEF\xBB\xBF"))
    return failure{errc::invalid_json, "the body starts with a byte order mark; send plain UTF-8"};
  validator events;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &events)) return {};
  return failure{errc::invalid_json, events.problem};
}

}  // namespace holdfast::protocol
