#include "server/api/transfer.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <utility>

#include "protocol/key.hpp"
#include "server/api/answers.hpp"
#include "server/api/data_answers.hpp"
#include "server/api/lock_guard.hpp"
#include "server/api/parameters.hpp"
#include "server/api/watch.hpp"
#include "server/json/document.hpp"
#include "server/json/fields.hpp"
#include "server/json/string.hpp"

namespace holdfast::server {
namespace {

using namespace protocol;

constexpr std::size_t page_entries = 500;
constexpr std::size_t changes_at_once = 64;

// Number of items that an import stores per acquisition of the lock.
constexpr std::size_t items_at_once = 256;
constexpr std::size_t item_bytes_at_once = 256 * 1024;
/// How long an import waits for the commits of earlier changes before it tries its next part.
constexpr std::chrono::seconds journal_patience{30};
/// The longest line: this, or the longest value with room for a key.
constexpr std::size_t line_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t line_bytes_beside_value = 1024 * 1024;

constexpr std::string_view import_allow = "POST, OPTIONS";
constexpr std::array<std::string_view, 3> export_parameters{"prefix", "hold", "lock-timeout"};
constexpr std::array<std::string_view, 2> import_parameters{"if-exists", "lock-timeout"};

using crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

std::string hexadecimal(std::uint32_t number) {
  constexpr auto digits = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[(number >> shift) & 15];
  return text;
}

/// Collects an export's lines and computes its last line.
class line_writer {
 public:
  [[nodiscard]] std::string& text() noexcept { return text_; }

  void add(std::string_view key, std::string_view value, std::uint64_t revision, std::string const& ttl) {
    begin(key);
    text_ += ",\"value\":";
    append_on_one_line(text_, value);
    (text_ += ",\"revision\":") += std::to_string(revision);
    if (!ttl.empty()) (text_ += ",\"ttl\":") += ttl;
    end();
  }

  void add(change const& one) {
    if (one.what == change::kind::put || one.what == change::kind::touch) {
      std::string ttl;
      if (one.expires_at) {
        auto const left = *one.expires_at - change::instant::clock::now();
        auto const now = std::chrono::steady_clock::now();
        ttl = seconds_left(now + std::chrono::duration_cast<std::chrono::nanoseconds>(left), {0, 0, now});
      }
      return add(one.key, *one.value, one.revision, ttl);
    }
    begin(one.key);
    (text_ += ",\"deleted\":true,\"revision\":") += std::to_string(one.revision);
    end();
  }

  void add_end(std::uint64_t revision) {
    text_ += "{\"end\":true,\"revision\":" + std::to_string(revision) + ",\"entries\":" + std::to_string(lines_) +
             ",\"crc32c\":\"" + hexadecimal(sum_.checksum()) + "\"}\n";
  }

 private:
  void begin(std::string_view key) {
    begin_ = text_.size();
    text_ += "{\"key\":";
    json::append_string(text_, key);
  }
  void end() {
    text_ += "}\n";
    sum_.process_bytes(text_.data() + begin_, text_.size() - begin_);
    ++lines_;
  }

  std::string text_;
  std::size_t begin_ = 0;
  crc32c sum_;
  std::uint64_t lines_ = 0;
};

}  // namespace

routed route_export(request_head const& head, target const& target, route_context const& context) {
  if (auto refused = refuse_all_but_reads(head)) return *std::move(refused);
  auto given = read_parameters(target.query, export_parameters,
                               {.hold = {}, .lock_timeout = context.settings.lock_timeout}, context.settings.hold_max);
  if (!given) return reply_to(given.error());
  if (context.draining) return draining_reply();
  return export_request{std::move(given->prefix), given->terms};
}

routed route_import(request_head const& head, target const& target, route_context const& context) {
  if (head.method == method::options) return options_reply(import_allow);
  if (head.method != method::post) return method_not_allowed(head, import_allow);
  if (head.idempotency_key)
    return refuse(errc::invalid_idempotency_key, "the answer to an import can't be stored; send it without the key");
  if (head.if_match || head.if_none_match || head.has_if_unmodified_since)
    return refuse(errc::precondition_not_supported, "an import has no condition but if-exists=replace, skip or fail");
  auto const given =
      read_parameters(target.query, import_parameters, {.hold = {}, .lock_timeout = context.settings.lock_timeout},
                      context.settings.hold_max);
  if (!given) return reply_to(given.error());
  auto grants = read_lock_guard(head);
  if (!grants) return reply_to(grants.error());
  import_request request;
  request.terms = given->terms;
  request.grants = *std::move(grants);
  if (given->if_exists) {
    using present_key = import_operation::present_key;
    auto const& text = *given->if_exists;
    if (text != "replace" && text != "skip" && text != "fail")
      return refuse(errc::invalid_parameter, "if-exists: can be replace, skip or fail");
    request.if_exists = text == "replace" ? present_key::replace
                        : text == "skip"  ? present_key::skip
                                          : present_key::fail;
  }
  return request;
}

reply head_of(export_request const& /*request*/) {
  auto head = no_store({});
  head.length_is_known = false;
  head.content_type = "application/x-ndjson";
  return head;
}

// --- out -----------------------------------------------------------------------------------------------------------

namespace {

/// The keys that an export has sent.
struct told_keys {
  std::string_view prefix;
  std::optional<std::string_view> last;  // nullopt: all
  std::uint64_t revision = 0;            // as of which they were sent

  [[nodiscard]] bool has(change const& one) const {
    return one.space == keyspace::data && (!last || one.key <= *last) && one.key.starts_with(prefix);
  }
};

/// Adds the touches of keys that were made after the change `told.revision` and before the change `until` + 1. Those
/// made just before the keys were read may be among them; they do no harm, because later ones follow.
/// @return false if some have been forgotten.
bool add_touches(line_writer& out, history::touch_reader& touches, told_keys const& told, std::uint64_t until) {
  for (;;) {
    std::optional<history::touch> next;
    if (!touches.take(until, next)) return false;
    if (!next) return true;
    if (next->after >= told.revision && told.has(next->what)) out.add(next->what);
  }
}

/// Adds the changes and touches of keys since they were sent, up to the change `until`.
/// @return false if the history no longer has all of them.
bool add_changes(line_writer& out, history const& changes, history::touch_reader& touches, told_keys const& told,
                 std::uint64_t until) {
  std::vector<change> batch;
  for (auto since = told.revision; since < until; since = batch.back().revision) {
    batch.clear();
    if (!changes.take(since, changes_at_once, batch) || batch.empty()) return false;
    for (auto const& one : batch) {
      if (one.revision > until) break;
      if (!add_touches(out, touches, told, one.revision - 1)) return false;
      if (told.has(one)) out.add(one);
    }
  }
  return true;
}

awaitable<bool> send_lines(export_request const& request, api_context const& context, lock_asker asker,
                           client_link& client, gatekeeper* gate) {
  line_writer lines;
  data_operation what = list_operation{.prefix = request.prefix,
                                       .after = std::nullopt,
                                       .until = std::nullopt,
                                       .delimiter = {},
                                       .limit = page_entries,
                                       .reverse = false,
                                       .values = true};
  auto& list = std::get<list_operation>(what);
  // Before the first page is read, so that no touch is missed.
  history::touch_reader touches(context.store.history());
  std::uint64_t told = 0;  // up to this revision, for keys up to list.after
  for (;;) {
    execution done;
    {
      client_link::waiting here(client);
      done = co_await context.store.execute(what, request.terms, here.stop(), asker);
    }
    if (gate != nullptr) gate->used_lock_in_stream(done.timing);
    if (!done.outcome) {
      lines.text() += "{\"error\":" + problem_json(done.outcome.error());
      lines.text().back() = '}';
      lines.text() += '\n';
      co_await client.send(lines.text());
      co_return false;
    }
    // Changes are in the history once they are durable.
    auto const is_durable = co_await client.until_durable(done.needs);
    if (!is_durable) co_return false;
    auto is_known = !list.after || add_changes(lines, context.store.history(), touches,
                                               {request.prefix, *list.after, told}, done.revision);
    told = done.revision;
    auto& page = std::get<listing>(*done.outcome);
    answer_context const of_page{context.store.id(), done.revision, done.granted_at};
    for (auto const& one : page.entries)
      lines.add(page.key_of(one), *one.value, one.revision,
                one.expires != no_expiry ? seconds_left(one.expires, of_page) : std::string());
    is_known = is_known && add_touches(lines, touches, {request.prefix, page.next, told}, told);
    if (!is_known) {
      lines.text() += "{\"error\":" + problem_json({errc::history_compacted,
                                                    "more has changed meanwhile than the history keeps; export again, "
                                                    "and read faster"});
      lines.text().back() = '}';
      lines.text() += '\n';
      co_await client.send(lines.text());
      co_return false;
    }
    if (!page.next) lines.add_end(done.revision);
    auto const takes = co_await client.send(lines.text());
    if (!takes) co_return false;
    if (!page.next) co_return true;
    lines.text().clear();
    list.after = std::move(page.next);
  }
}

}  // namespace

awaitable<request_end> send_export(export_request const& request, api_context const& context, lock_asker asker,
                                   client_link& client, gatekeeper* gate) {
  auto goes_on = true;
  if (!client.wants_head_only()) goes_on = co_await send_lines(request, context, asker, client, gate);
  if (goes_on) goes_on = co_await client.end();
  co_return goes_on ? request_end::sent : request_end::gone;
}

// --- in ------------------------------------------------------------------------------------------------------------

namespace {

/// Turns lines into items, and checks an export's last line.
class line_reader {
 public:
  line_reader(import_operation& to, std::size_t value_bytes_max, gatekeeper const* gate)
      : to_(to), value_bytes_max_(value_bytes_max), gate_(gate) {}

  [[nodiscard]] std::size_t lines() const noexcept { return lines_; }
  /// The line of an item that has not expired.
  [[nodiscard]] std::size_t line_of(std::size_t item) const noexcept { return item_lines_[item]; }
  /// The first line that has not been stored, given that all items before those left have been.
  [[nodiscard]] std::size_t first_line_left() const noexcept {
    return item_lines_.empty() ? lines_ + 1 : item_lines_.front();
  }
  void forget_items(std::size_t count) noexcept {
    to_.items.erase(to_.items.begin(), to_.items.begin() + static_cast<std::ptrdiff_t>(count));
    item_lines_.erase(item_lines_.begin(), item_lines_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  /// @param line with its line feed, if it has one.
  result<void> read(std::string_view line) {
    ++lines_;
    if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
    if (has_ended_) return failure{errc::invalid_import, "there is a line after the end of the export"};
    // The line is one level around the value.
    auto const document = json::document::parse(line, 2, json_depth_max + 1);
    if (!document) return failure{errc::invalid_import, document.error().detail};
    auto const fields = json::fields::of(
        document->root(), {"key", "value", "ttl", "revision", "deleted", "end", "entries", "crc32c", "error"});
    if (!fields) return failure{errc::invalid_import, fields.error().detail};
    if (fields->find("error")) return failure{errc::invalid_import, "the export was aborted by an error"};
    if (auto const end = fields->find("end")) {
      if (auto const valid = check_true(*end); !valid) return valid.error();
      return read_end(*fields);
    }
    sum_.process_bytes(line.data(), line.size());
    ++entries_;
    return read_entry(*fields);
  }

 private:
  result<void> read_entry(json::fields const& fields) {
    auto const key_field = fields.require("key");
    if (!key_field) return failure{errc::invalid_import, key_field.error().detail};
    auto key = key_field->as_string();
    if (!key) return failure{errc::invalid_import, key.error().detail};
    if (auto const valid = check_key(*key); !valid) return failure{errc::invalid_import, valid.error().detail};
    if (gate_ != nullptr)
      if (auto refused = gate_->refuse_item(*key)) return *std::move(refused);
    import_operation::item item{*std::move(key), nullptr, {}};
    if (auto const deleted = fields.find("deleted")) {
      if (auto const valid = check_true(*deleted); !valid) return valid.error();
      for (auto const* const name : {"value", "ttl"})
        if (auto const extra = fields.find(name))
          return failure{errc::invalid_import,
                         extra->failure("a key that is deleted has neither value nor ttl").detail};
    } else {
      auto const value = fields.require("value");
      if (!value) return failure{errc::invalid_import, value.error().detail};
      if (value->text().size() > value_bytes_max_)
        return failure{errc::invalid_import, "the value is longer than " + std::to_string(value_bytes_max_) + " bytes"};
      item.value = std::make_shared<std::string const>(value->text());
      if (auto const ttl = fields.find("ttl")) {
        auto const left = read_ttl(*ttl);
        if (!left) return left.error();
        item.ttl = {time_to_live::kind::set, *left};
      }
    }
    to_.items.push_back(std::move(item));
    item_lines_.push_back(lines_);
    return {};
  }

  static result<void> check_true(json::value const& field) {
    if (field.text() == "true") return {};
    return failure{errc::invalid_import, field.failure("this has to be true; otherwise leave it out").detail};
  }

  /// Parses seconds, as in an export, or a duration.
  static result<std::chrono::nanoseconds> read_ttl(json::value const& field) {
    auto const is_text = field.is(json::value_kind::string);
    auto const text = is_text ? field.as_string() : result<std::string>(std::string(field.text()) + 's');
    if (!text) return failure{errc::invalid_import, text.error().detail};
    auto const ttl = parse_time_to_live(*text);
    if (!ttl) return failure{errc::invalid_import, "ttl: " + ttl.error().detail};
    return *ttl;
  }

  result<void> read_end(json::fields const& fields) {
    has_ended_ = true;
    auto const entries = fields.find("entries"), sum = fields.find("crc32c");
    if (entries && entries->text() != std::to_string(entries_))
      return failure{errc::invalid_import, "the export has " + std::string(entries->text()) + " entries, and " +
                                               std::to_string(entries_) + " have come"};
    if (sum && sum->text() != '"' + hexadecimal(sum_.checksum()) + '"')
      return failure{errc::invalid_import, "the checksum of the lines is not the one that the export ends with"};
    return {};
  }

  import_operation& to_;
  std::size_t const value_bytes_max_;
  gatekeeper const* const gate_;
  crc32c sum_;
  std::size_t lines_ = 0;
  std::vector<std::size_t> item_lines_;
  std::uint64_t entries_ = 0;
  bool has_ended_ = false;
};

/// State of a running import.
class import_run {
 public:
  import_run(import_request const& request, api_context const& context, lock_asker asker, client_link& client,
             gatekeeper* gate)
      : request_(request),
        context_(context),
        asker_(asker),
        client_(client),
        gate_(gate),
        all_(std::make_shared<guarded_operation>(request.grants, import_operation())) {
    items().if_exists = request.if_exists;
  }

  awaitable<request_end> run(reply& answer);

 private:
  [[nodiscard]] import_operation& items() noexcept { return std::get<import_operation>(all_->operation); }
  awaitable<bool> store_items();
  awaitable<bool> await_journal(std::chrono::steady_clock::time_point due);
  [[nodiscard]] reply refusal(failure why, std::size_t line) const;

  import_request const& request_;
  api_context const& context_;
  lock_asker const asker_;
  client_link& client_;
  gatekeeper* const gate_;
  std::shared_ptr<guarded_operation> all_;
  data_operation what_ = std::shared_ptr<guarded_operation const>(all_);
  line_reader reader_{items(), context_.value_bytes_max, gate_};
  std::size_t const line_bytes_max_ = std::max(line_bytes_max, context_.value_bytes_max + line_bytes_beside_value);
  std::string text_;  // received, but not yet parsed as lines
  std::size_t item_bytes_ = 0;
  byte_budget::share counted_{context_.under_way};
  std::size_t stored_ = 0, skipped_ = 0;
  std::uint64_t revision_ = 0, needs_ = 0;
  std::optional<failure> refused_;
  std::size_t refused_line_ = 0;
  bool is_gone_ = false;
};

reply import_run::refusal(failure why, std::size_t line) const {
  // What the store says is true of the part that it refused.
  constexpr std::string_view nothing = "nothing was changed";
  if (auto const at = why.detail.find(nothing); at != std::string::npos && stored_ != 0)
    why.detail.replace(
        at, nothing.size(),
        std::to_string(stored_) + " items were stored, but nothing from line " + std::to_string(line) + " on");
  auto answer = reply_to(why);
  auto const end = answer.body.rfind('}');
  answer.body.insert(end, ",\"line\":" + std::to_string(line) + ",\"stored\":" + std::to_string(stored_) +
                              ",\"skipped\":" + std::to_string(skipped_));
  if (revision_ != 0) answer.revision = revision_;
  answer.needs = needs_;
  return answer;
}

/// Why a part was not stored; nothing if it was.
std::optional<failure> why_not_done(execution const& done) {
  if (!done.outcome) return done.outcome.error();
  if (auto const* const lost = std::get_if<lock_lost>(&*done.outcome)) return failure_of(*lost);
  return std::nullopt;
}

/// Waits while the commits are behind, since an import alone can append faster than the journal commits.
/// @return false if that ended it; refused_ or is_gone_ gives the reason.
awaitable<bool> import_run::await_journal(std::chrono::steady_clock::time_point due) {
  auto const* const commits = context_.kept.commits;
  if (commits == nullptr) co_return true;
  for (;;) {
    auto const progress = commits->progress();
    if (!commits->is_behind()) co_return true;
    auto const ended = co_await client_.until_progress(progress + 1, due - std::chrono::steady_clock::now());
    if (ended == client_link::progress_wait::late) co_return true;
    is_gone_ = ended == client_link::progress_wait::gone;
    if (ended == client_link::progress_wait::drained) {
      refused_ = failure{errc::draining, "the server is shutting down; nothing was changed. Ask another"};
      refused_line_ = reader_.line_of(0);
    }
    if (ended != client_link::progress_wait::made) co_return false;
  }
}

/// @return true if everything was stored; otherwise refused_ or is_gone_ gives the reason.
awaitable<bool> import_run::store_items() {
  auto& all = items();
  auto const due = std::chrono::steady_clock::now() + journal_patience;
  while (!all.items.empty()) {
    auto const may_go_on = co_await await_journal(due);
    if (!may_go_on) co_return false;
    all.subject = std::to_string(all.items.size()) + (all.items.size() == 1 ? " key" : " keys");
    execution done;
    {
      client_link::waiting here(client_);
      auto& stop = here.stop();
      done = co_await context_.store.execute(what_, request_.terms, stop, asker_);
      is_gone_ = stop.why() == stop_reason::hang_up;
    }
    if (gate_ != nullptr) gate_->used_lock_in_stream(done.timing);
    if (is_gone_) co_return false;
    needs_ = std::max(needs_, done.needs);
    if (auto why = why_not_done(done)) {
      refused_ = std::move(why);
      refused_line_ = reader_.line_of(0);
      co_return false;
    }
    auto const& outcome = std::get<import_done>(*done.outcome);
    all.since = outcome.since;
    stored_ += outcome.stored;
    skipped_ += outcome.skipped;
    if (gate_ != nullptr) gate_->imported(outcome.stored + outcome.skipped);
    revision_ = done.revision;
    if (!outcome.failed_at) {
      reader_.forget_items(all.items.size());
      co_return true;
    }
    refused_line_ = reader_.line_of(*outcome.failed_at);
    if (!outcome.full) {
      refused_ = failure{errc::import_conflict, "the key '" + all.items[*outcome.failed_at].key +
                                                    "' exists already; nothing was stored from its line on"};
      co_return false;
    }
    refused_ = failure_of(*outcome.full);
    // Others may have appended much since the wait: wait again, and go on with what is left.
    auto const is_behind = outcome.full->in == no_room::where::journal && std::chrono::steady_clock::now() < due;
    if (!is_behind) co_return false;
    refused_.reset();
    reader_.forget_items(*outcome.failed_at);
  }
  co_return true;
}

awaitable<request_end> import_run::run(reply& answer) {
  auto piece = client_link::body_piece::more;
  while (piece == client_link::body_piece::more) {
    auto const unsearched = text_.size();  // the rest of an earlier piece has no line feed
    piece = co_await client_.read_body(text_);
    if (piece == client_link::body_piece::gone) co_return request_end::gone;
    if (piece == client_link::body_piece::failed) {
      answer = refusal(client_.body_failure(), reader_.first_line_left());
      co_return request_end::answered;
    }
    std::size_t begin = 0;
    for (;;) {
      auto const end = text_.find('\n', std::max(begin, unsearched));
      auto const is_rest = end == std::string::npos;
      if (is_rest && piece == client_link::body_piece::more) break;
      auto const next = is_rest ? text_.size() : end + 1;
      auto const line = std::string_view(text_).substr(begin, next - begin);
      if (!line.empty()) {
        if (auto const read = reader_.read(line); !read) {
          // The lines before it are good.
          auto const stored = co_await store_items();
          if (is_gone_) co_return request_end::gone;
          answer =
              stored
                  ? refusal({read.error().code, "line " + std::to_string(reader_.lines()) + ": " + read.error().detail},
                            reader_.lines())
                  : refusal(*refused_, refused_line_);
          co_return request_end::answered;
        }
        item_bytes_ += line.size();
      }
      begin = next;
      if (items().items.size() >= items_at_once || item_bytes_ >= item_bytes_at_once || is_rest) {
        item_bytes_ = 0;
        auto const stored = co_await store_items();
        if (is_gone_) co_return request_end::gone;
        if (!stored) {
          answer = refusal(*refused_, refused_line_);
          co_return request_end::answered;
        }
      }
      if (is_rest) break;
    }
    text_.erase(0, begin);
    if (text_.size() > line_bytes_max_) {
      auto const stored = co_await store_items();
      if (is_gone_) co_return request_end::gone;
      if (!stored) {
        answer = refusal(*refused_, refused_line_);
        co_return request_end::answered;
      }
      auto const line = reader_.first_line_left();
      answer = refusal({errc::invalid_import, "line " + std::to_string(line) + ": it is longer than " +
                                                  std::to_string(line_bytes_max_) + " bytes"},
                       line);
      co_return request_end::answered;
    }
    if (!counted_.grow_to(text_.capacity() + item_bytes_)) {
      answer = refusal({errc::overloaded, "the requests under way take as much memory as this server allows; retry"},
                       reader_.first_line_left());
      co_return request_end::answered;
    }
  }
  if (revision_ == 0) {
    // Nothing was stored, so the answer needs nothing to become durable.
    execution done;
    {
      client_link::waiting here(client_);
      auto& stop = here.stop();
      done = co_await context_.store.execute(what_, request_.terms, stop, asker_);
      if (stop.why() == stop_reason::hang_up) co_return request_end::gone;
    }
    needs_ = done.needs;
    if (auto const why = why_not_done(done)) {
      answer = refusal(*why, reader_.lines());
      co_return request_end::answered;
    }
    revision_ = done.revision;
  }
  answer = json_reply("{\"stored\":" + std::to_string(stored_) + ",\"skipped\":" + std::to_string(skipped_) +
                      ",\"revision\":" + std::to_string(revision_) + "}\n");
  answer.revision = revision_;
  answer.needs = needs_;
  co_return request_end::answered;
}

}  // namespace

awaitable<request_end> run_import(import_request const& request, api_context const& context, lock_asker asker,
                                  client_link& client, reply& answer, gatekeeper* gate) {
  import_run here(request, context, asker, client, gate);
  co_return co_await here.run(answer);
}

}  // namespace holdfast::server
