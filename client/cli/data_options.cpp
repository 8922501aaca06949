// The flags of the commands that read and change keys and values.
#include <algorithm>

#include "client/cli/options.hpp"
#include "protocol/key.hpp"

namespace holdfast::client::cli {
namespace {

/// Adds missing quotes to a tag, or to a list of tags, as shown by `get -i`: the shell may have removed them.
std::string quoted_tags(std::string_view text) {
  std::string list;
  while (!text.empty()) {
    auto tag = text.substr(0, text.find(','));
    text.remove_prefix(std::min(tag.size() + 1, text.size()));
    tag.remove_prefix(std::min(tag.find_first_not_of(' '), tag.size()));
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    if (tag.empty()) continue;
    auto const is_plain = tag != "*" && !tag.starts_with('"') && !tag.starts_with("W/");
    if (!list.empty()) list += ", ";
    list += is_plain ? '"' + std::string(tag) + '"' : std::string(tag);
  }
  return list;
}

void add_tags(CLI::App& app, std::string const& flag, std::string const& what, std::string& to) {
  app.add_option_function<std::string>(
         flag,
         [flag, &to](std::string const& text) {
           to = quoted_tags(text);
           if (to.empty()) throw CLI::ValidationError(flag, "needs an entity tag, as `get -i` shows it, or *");
         },
         what)
      ->type_name("ETAG")
      ->group(condition_flags);
}

CLI::Option* add_key(CLI::App& app, key_command& to) {
  return app.add_option("KEY", to.key, "1 to 1024 bytes of UTF-8; slashes are allowed");
}

void add_include(CLI::App& app, key_command& to) {
  app.add_flag("-i,--include", to.show_status, "Also print status, revision, ETag, timing")->group(output_flags);
}

void add_if_match(CLI::App& app, request_options& to) {
  add_tags(app, "--if-match", "Only if the value has this tag; *: any value", to.if_match);
}

void add_idempotency_key(CLI::App& app, request_options& to) {
  app.add_option("--idempotency-key", to.idempotency_key, "Repeated requests take effect once")
      ->type_name("TEXT")
      ->group(condition_flags);
}

void add_print(CLI::App& app, request_options& to, std::string const& what) {
  app.add_flag("--print", to.returns_value, what)->group(output_flags);
}

CLI::Option* add_ttl(CLI::App& app, request_options& to, std::string const& what, bool keeps, bool ends) {
  return app
      .add_option_function<std::string>(
          "--ttl",
          [&to, keeps, ends](std::string const& text) {
            auto const ttl = parse_ttl(text);
            if (!ttl) throw CLI::ValidationError("--ttl", ttl.error().message);
            if (ttl->is == time_to_live::kind::keep && !keeps)
              throw CLI::ValidationError("--ttl", "only `put` takes keep; write a time, such as 30s");
            if (ttl->is == time_to_live::kind::never && !ends)
              throw CLI::ValidationError("--ttl", "only `touch` takes none; leave --ttl out");
            to.ttl = *ttl;
          },
          what)
      ->type_name("TIME");
}

void add_text(CLI::App& app, std::string const& name, std::string const& what, text_source& to) {
  auto* const text = app.add_option(name, to.text, what);
  app.add_option("--file", to.file, "Read the text from a file; - is standard input")
      ->type_name("FILE")
      ->excludes(text);
}

void add_json(CLI::App& app, bool& to, std::string const& what) {
  app.add_flag("--json", to, what)->group(output_flags);
}

}  // namespace

CLI::App* add_get(CLI::App& app, get_command& to) {
  auto* const get = add_command(app, "get");
  add_key(*get, to)->required();
  add_duration(*get, "--wait", "Wait until the key exists or differs", [&to](auto wait) {
    to.wait = wait;
  })->group(condition_flags);
  add_tags(*get, "--if-none-match", "Only if the tag differs (else exit status 8)", to.options.if_none_match);
  add_lock_terms(*get, to.options);
  add_include(*get, to);
  get->add_flag("-n,--exact", to.exact, "Add no line feed, also on a terminal")->group(output_flags);
  return get;
}

CLI::App* add_put(CLI::App& app, put_command& to) {
  auto* const put = add_command(app, "put");
  add_key(*put, to)->required();
  add_text(*put, "VALUE", "JSON text; default or -: standard input", to.value);
  add_ttl(*put, to.options, "Time to live; keep: unchanged", true, false);
  add_if_match(*put, to.options);
  put->add_flag_function(
         "--create", [&to](auto) { to.options.if_none_match = "*"; }, "Only if the key does not exist")
      ->group(condition_flags)
      ->excludes("--if-match");
  add_idempotency_key(*put, to.options);
  add_lock_terms(*put, to.options);
  add_include(*put, to);
  return put;
}

CLI::App* add_del(CLI::App& app, del_command& to) {
  auto* const del = add_command(app, "del");
  auto* const key = add_key(*del, to);
  auto* const prefix = del->add_option_function<std::string>(
      "--prefix", [&to](std::string const& text) { to.prefix = text; }, "Remove all keys that begin with this");
  prefix->type_name("TEXT")->excludes(key);
  del->add_flag("--all", to.all, "Allow an empty --prefix: remove everything")->needs(prefix);
  add_if_match(*del, to.options);
  add_idempotency_key(*del, to.options);
  add_lock_terms(*del, to.options);
  add_print(*del, to.options, "Print the value that was removed");
  add_include(*del, to);
  del->callback([&to] {
    if (to.key.empty() && !to.prefix) throw CLI::RequiredError("KEY");
    if (to.prefix && to.prefix->empty() && !to.all)
      throw CLI::ValidationError("--prefix", "is empty, which removes everything; if you mean it, add --all");
    if (to.prefix && (!to.options.if_match.empty() || to.options.returns_value))
      throw CLI::ValidationError("--prefix", "does not go with --if-match or --print, which apply to one key");
  });
  return del;
}

CLI::App* add_patch(CLI::App& app, patch_command& to) {
  auto* const patch = add_command(app, "patch");
  add_key(*patch, to)->required();
  add_text(*patch, "PATCH", "JSON text; default or -: standard input", to.patch);
  patch->add_flag("--merge", to.is_merge, "Take an array as a merge patch, too");
  add_if_match(*patch, to.options);
  add_idempotency_key(*patch, to.options);
  add_lock_terms(*patch, to.options);
  add_print(*patch, to.options, "Print the new value");
  add_include(*patch, to);
  return patch;
}

CLI::App* add_incr(CLI::App& app, incr_command& to) {
  constexpr std::int64_t most = (std::int64_t(1) << 53) - 1;
  auto* const incr = add_command(app, "incr");
  add_key(*incr, to)->required();
  add_number<std::int64_t>(*incr, "BY", "Number to add (default 1)", -most, most,
                           [&to](auto by) { to.change.by = by; });
  add_number<std::int64_t>(*incr, "--initial", "Start value of an absent key", -most, most,
                           [&to](auto n) { to.change.initial = n; });
  add_number<std::int64_t>(*incr, "--min", "Refuse a result below this", -most, most,
                           [&to](auto n) { to.change.min = n; });
  add_number<std::int64_t>(*incr, "--max", "Refuse a result above this", -most, most,
                           [&to](auto n) { to.change.max = n; });
  add_ttl(*incr, to.options, "Time to live of a key that is created", false, false);
  add_if_match(*incr, to.options);
  add_idempotency_key(*incr, to.options);
  add_lock_terms(*incr, to.options);
  add_include(*incr, to);
  return incr;
}

CLI::App* add_touch(CLI::App& app, touch_command& to) {
  auto* const touch = add_command(app, "touch");
  add_key(*touch, to)->required();
  add_ttl(*touch, to.options, "Time to live; none: does not expire", false, true)->required();
  add_if_match(*touch, to.options);
  add_idempotency_key(*touch, to.options);
  add_lock_terms(*touch, to.options);
  add_include(*touch, to);
  return touch;
}

CLI::App* add_list(CLI::App& app, list_command& to) {
  auto* const list = add_command(app, "list");
  list->add_option("PREFIX", to.asked.prefix, "Start of the keys (default: all keys)");
  list->add_option("--delimiter", to.asked.delimiter, "Group keys by what is before this text")->type_name("TEXT");
  list->add_option("--after", to.asked.after, "Only keys after this one")->type_name("KEY");
  list->add_option("--until", to.asked.until, "Only keys before this one")->type_name("KEY");
  list->add_flag("--reverse", to.asked.reverse, "In descending order");
  add_number<std::uint64_t>(*list, "-n,--limit", "Print at most N keys", 1, std::numeric_limits<std::uint64_t>::max(),
                            [&to](auto count) { to.count = count; });
  list->add_flag("--values", to.asked.values, "Include the values")->group(output_flags);
  list->add_flag("-l,--long", to.in_long, "Include revision, bytes and time to live")->group(output_flags);
  add_json(*list, to.json, "Print one JSON object on each line");
  add_lock_terms(*list, to.options);
  return list;
}

CLI::App* add_txn(CLI::App& app, txn_command& to) {
  auto* const txn = add_command(app, "txn");
  txn->add_option("FILE", to.transaction.file, "JSON; default or -: standard input")->type_name("FILE");
  add_idempotency_key(*txn, to.options);
  add_lock_terms(*txn, to.options);
  return txn;
}

CLI::App* add_watch(CLI::App& app, watch_command& to) {
  auto* const watch = add_command(app, "watch");
  auto* const prefix = watch->add_option("PREFIX", to.watch.prefix, "Start of the keys (default: all keys)");
  watch
      ->add_option_function<std::string>(
          "--key", [&to](std::string const& key) { to.watch.key = key; }, "Only this key")
      ->type_name("KEY")
      ->excludes(prefix);
  auto* const initial = watch->add_flag("--initial", to.watch.initial, "Begin with the present values");
  add_number<std::uint64_t>(*watch, "--from", "Also changes after this revision", 0,
                            std::numeric_limits<std::uint64_t>::max(), [&to](auto n) { to.watch.from = n; })
      ->excludes(initial);
  watch->add_option("--after", to.watch.after, "Resume after the change with this id")
      ->type_name("ID")
      ->excludes(initial)
      ->excludes("--from");
  add_number<std::uint64_t>(*watch, "-n,--count", "End after N changes", 1, std::numeric_limits<std::uint64_t>::max(),
                            [&to](auto n) { to.count = n; });
  add_duration(*watch, "-d,--duration", "End after this time", [&to](auto duration) { to.duration = duration; });
  add_json(*watch, to.json, "Print one JSON object on each line");
  return watch;
}

CLI::App* add_export(CLI::App& app, export_command& to) {
  auto* const out = add_command(app, "export");
  out->add_option("PREFIX", to.prefix, "Start of the keys (default: all keys)");
  add_lock_terms(*out, to.options);
  return out;
}

CLI::App* add_import(CLI::App& app, import_command& to) {
  auto* const in = add_command(app, "import");
  in->add_option("FILE", to.file, "Lines of JSON; default or -: standard input")->type_name("FILE");
  in->add_option_function<std::string>(
        "--if-exists",
        [&to](std::string const& what) {
          to.existing = what == "replace" ? if_exists::replace : what == "skip" ? if_exists::skip : if_exists::fail;
        },
        "Existing keys: replace, skip or fail")
      ->check(CLI::IsMember({"replace", "skip", "fail"}))
      ->type_name("WHAT")
      ->default_str("replace");
  add_lock_timeout(*in, to.options);
  return in;
}

}  // namespace holdfast::client::cli
