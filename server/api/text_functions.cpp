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

text_function::result as_value(result<std::string>&& made, std::size_t bytes_max) {
  if (!made) return made.error();
  if (made->size() > bytes_max)
    return failure{errc::patch_conflict,
                   "the new value would be larger than " + std::to_string(bytes_max) + " bytes; nothing was changed"};
  return std::make_shared<std::string const>(*std::move(made));
}

/// A parsed document with the text that it refers to.
template <class Parsed>
class parsed_function : public text_function {
 public:
  template <class Function>
  static protocol::result<text_function_pointer> make(std::string text, std::size_t bytes_max) {
    auto made = std::make_shared<Function>();
    made->bytes_max_ = bytes_max;
    made->text_ = std::move(text);
    auto parsed = Parsed::parse(made->text_);
    if (!parsed) return parsed.error();
    made->parsed_.emplace(*std::move(parsed));
    return text_function_pointer(std::move(made));
  }

 protected:
  [[nodiscard]] Parsed const& parsed() const noexcept { return *parsed_; }
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }

 private:
  std::string text_;
  std::size_t bytes_max_ = 0;
  std::optional<Parsed> parsed_;
};

/// A function whose result is computed in one step.
template <class Parsed>
class one_step_function : public parsed_function<Parsed> {
 public:
  using result = text_function::result;

 protected:
  void begin(json_text const& input) override { input_ = input; }
  [[nodiscard]] std::optional<result> advance() override { return apply(std::exchange(input_, nullptr)); }
  [[nodiscard]] virtual result apply(json_text const& input) const = 0;

 private:
  json_text input_;
};

class merge_patch_function final : public one_step_function<json::merge_patch> {
 protected:
  [[nodiscard]] result apply(json_text const& input) const override {
    return as_value(parsed().apply(*input), bytes_max());
  }
};

class comparison final : public one_step_function<json::document> {
 protected:
  [[nodiscard]] result apply(json_text const& input) const override {
    auto const other = json::document::parse(*input);
    if (!other) return other.error();
    if (json::are_equal(parsed().root(), other->root())) return input;
    return failure{errc::check_failed, "the value is different"};
  }
};

/// Applies one operation of the patch per step.
class json_patch_function final : public parsed_function<json::json_patch> {
 protected:
  void begin(json_text const& input) override {
    patching_.reset();
    input_ = input;
    patching_.emplace(parsed(), *input_, bytes_max());
  }
  [[nodiscard]] std::optional<result> advance() override {
    if (patching_->step()) return std::nullopt;
    auto done = as_value(patching_->finish(), bytes_max());
    patching_.reset();
    input_.reset();
    return done;
  }

 private:
  json_text input_;
  std::optional<json::json_patching> patching_;
};

}  // namespace

result<text_function_pointer> make_merge_patch(std::string body, std::size_t bytes_max) {
  return merge_patch_function::make<merge_patch_function>(std::move(body), bytes_max);
}

result<text_function_pointer> make_json_patch(std::string body, std::size_t bytes_max) {
  return json_patch_function::make<json_patch_function>(std::move(body), bytes_max);
}

result<text_function_pointer> make_comparison(std::string text) {
  return comparison::make<comparison>(std::move(text), 0);
}

}  // namespace holdfast::server
