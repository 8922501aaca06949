#include "server/forward/read_channel.hpp"

#include <utility>

#include "server/forward/upstream_pool.hpp"

namespace holdfast::server {
namespace {

constexpr std::size_t queue_max = 64;
constexpr std::size_t content_bytes_max = 16 * 1024;
constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr std::size_t read_bytes = 32 * 1024;
/// The channel stays closed this long after a response that is too long for it.
constexpr std::chrono::seconds pause{1};

}  // namespace

// --- one read ------------------------------------------------------------------------------------------------------

read_channel::call::~call() {
  channel_.leave(*this);
}

awaitable<read_channel::result> read_channel::call::run() {
  auto& channel = channel_;
  if (channel.queue_.empty()) channel.progress_at_ = clock::now();
  channel.queue_.push_back({this, head_only_});
  channel.unsent_ += request_;
  channel.send_later_.ring();
  auto initiate = [this](resumption handler) { waiting_.emplace(std::move(handler)); };
  auto token = asio::use_awaitable_t<executor_type>{};
  co_return co_await asio::async_initiate<asio::use_awaitable_t<executor_type>, void(result)>(initiate, token);
}

void read_channel::call::abandon() {
  channel_.leave(*this);
  resume(result::abandoned);
}

void read_channel::call::resume(result how) {
  if (!waiting_) return;
  auto handler = std::move(*waiting_);
  waiting_.reset();
  handler(how);
}

// --- the channel ---------------------------------------------------------------------------------------------------

read_channel::read_channel(event_loop& loop, upstream_pool& pool) : pool_(pool), send_later_(loop, [this] { send(); }) {
  send_later_.arm();
}

read_channel::~read_channel() = default;

bool read_channel::is_open() {
  auto const now = clock::now();
  if (now < closed_until_ || queue_.size() >= queue_max) return false;
  if (link_)
    return link_->version() == pool_.leaders().version() &&
           (queue_.empty() || now - progress_at_ < pool_.settings().read_patience);
  link_ = pool_.take_kept();
  if (!link_) return false;
  link_->give_bytes_to(this);
  link_->link().rest(clock::time_point::max());
  return true;
}

void read_channel::forget_waiting() noexcept {
  for (auto const& one : queue_)
    if (one.one != nullptr) one.one->waiting_.reset();
}

void read_channel::leave(call const& one) noexcept {
  for (auto& waiting : queue_)
    if (waiting.one == &one) waiting.one = nullptr;
}

void read_channel::send() {
  send_later_.arm();
  if (!link_ || unsent_.empty()) return;
  auto const sent = link_->link().send_some(unsent_);
  auto const is_whole = sent == unsent_.size();
  unsent_.clear();
  // The socket's buffer has room for all requests that can wait here, unless the leader has stopped reading.
  if (!is_whole) fail();
}

/// Closes the connection; each read is sent on another one.
void read_channel::fail() {
  auto const gone = std::move(link_);
  auto const calls = std::exchange(queue_, {});
  unsent_.clear();
  input_.consume(input_.size());
  for (auto const& one : calls)
    if (one.one != nullptr) one.one->resume(result::again);
}

void read_channel::on_bytes() {
  // TLS may have buffered more bytes than one read returns, and on_bytes() is not called for them.
  do {
    auto const got = link_->link().read_some(input_.prepare(read_bytes));
    if (!got) return;
    if (*got == 0) return fail();
    input_.commit(*got);
    while (!queue_.empty()) {
      auto const is_answered = answer_next();
      if (!is_answered) return fail();
      if (!*is_answered) break;
    }
    // Unexpected bytes.
    if (queue_.empty() && !input_.empty()) return fail();
  } while (link_->link().has_unread());
}

/// @return true if the next response was complete; empty if the connection is no longer usable.
std::optional<bool> read_channel::answer_next() {
  constexpr std::string_view empty_line = "\r\n\r\n";
  auto const all = input_.view();
  auto const end = all.find(empty_line);
  if (end == std::string_view::npos) return all.size() < head_bytes_max ? std::optional(false) : std::nullopt;
  auto const block = all.substr(0, end + empty_line.size());
  fields_.clear();
  auto const head = read_answer_head(block, fields_);
  if (!head) return std::nullopt;
  if (head->status < 200) {
    input_.consume(block.size());
    return true;
  }
  auto const next = queue_.front();
  auto const has_content = !next.head_only && head->status != 204 && head->status != 304;
  auto const bytes = has_content ? head->content_bytes.value_or(content_bytes_max + 1) : 0;
  if (bytes > content_bytes_max) {
    closed_until_ = clock::now() + pause;
    return std::nullopt;
  }
  auto const content = all.substr(block.size(), static_cast<std::size_t>(bytes));
  if (content.size() < bytes) return false;
  queue_.pop_front();
  progress_at_ = clock::now();
  ((fields_ += "Holdfast-Served-By: ") += link_->leader().url) += "\r\n";
  if (next.one != nullptr) next.one->on_answer(*head, fields_, content);
  input_.consume(block.size() + content.size());
  auto const closes = head->closes;
  if (next.one != nullptr) next.one->resume(result::answered);
  return closes ? std::nullopt : std::optional(true);
}

}  // namespace holdfast::server
