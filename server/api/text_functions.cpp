#include "server/api/text_functions.hpp"

#include <memory>
#include <utility>

#include "server/json/document.hpp"
#include "server/json/equality.hpp"
#include "server/json/json_patch.hpp"
#include "server/json/merge_patch.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

failure too_large() {
  return {errc::patch_conflict,
          "the new value would be larger than " + std::to_string(patched_bytes_max) + " bytes; nothing was changed"};
}

text_function::result as_value(result<std::string>&& made) {
  if (!made) return made.error();
  if (made->size() > patched_bytes_max) return too_large();
  return std::make_shared<std::string const>(*std::move(made));
}

/// Something parsed, with the text that it refers to.
template <class Parsed>
class parsed_function : public text_function {
 public:
  template <class Function>
  static protocol::result<text_function_pointer> make(std::string text) {
    auto made = std::make_shared<Function>();
    made->text_ = std::move(text);
    auto parsed = Parsed::parse(made->text_);
    if (!parsed) return parsed.error();
    made->parsed_.emplace(*std::move(parsed));
    return text_function_pointer(std::move(made));
  }

 protected:
  [[nodiscard]] Parsed const& parsed() const noexcept { return *parsed_; }
  [[nodiscard]] std::string const& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::optional<Parsed> parsed_;
};

class merge_patch_function final : public parsed_function<json::merge_patch> {
 protected:
  [[nodiscard]] result apply(json_text const& input) const override { return as_value(parsed().apply(*input)); }
};

class json_patch_function final : public parsed_function<json::json_patch> {
 protected:
  [[nodiscard]] result apply(json_text const& input) const override {
    return as_value(parsed().apply(*input, patched_bytes_max));
  }
};

class comparison final : public parsed_function<json::document> {
 protected:
  [[nodiscard]] result apply(json_text const& input) const override {
    auto const other = json::document::parse(*input);
    if (!other) return other.error();
    if (json::are_equal(parsed().root(), other->root())) return input;
    return failure{errc::check_failed, "the value is another"};
  }
};

}  // namespace

result<text_function_pointer> make_merge_patch(std::string body) {
  return merge_patch_function::make<merge_patch_function>(std::move(body));
}

result<text_function_pointer> make_json_patch(std::string body) {
  return json_patch_function::make<json_patch_function>(std::move(body));
}

result<text_function_pointer> make_comparison(std::string text) {
  return comparison::make<comparison>(std::move(text));
}

}  // namespace holdfast::server
