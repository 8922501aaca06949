#include "server/store/named_locks.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::server {
namespace {

using protocol::errc;
using clock = named_locks::clock;

constexpr char record_version = 1;
constexpr std::size_t number_bytes = 8;

void put_number(std::string& to, std::uint64_t number) {
  for (std::size_t i = 0; i < number_bytes; ++i) to += static_cast<char>(number >> (8 * i));
}

std::uint64_t take_number(std::string_view& from) {
  std::uint64_t number = 0;
  for (std::size_t i = number_bytes; i-- > 0;) number = number << 8 | static_cast<unsigned char>(from[i]);
  from.remove_prefix(number_bytes);
  return number;
}

/// A lease that would overflow the clock never ends.
clock::time_point later(clock::time_point from, nanoseconds by) {
  return by < clock::time_point::max() - from ? from + by : clock::time_point::max();
}

/// Changes that belong together, before they are handed over.
class batch {
 public:
  batch(named_locks::stream const& to, std::size_t most) : sequence_(to.sequence()), revision_(to.revision()) {
    all.reserve(most);
  }
  change& add(change::kind what, std::string_view lock, std::string_view id, std::uint64_t previous) {
    auto& one = all.emplace_back();
    one.what = what;
    one.sequence = ++sequence_;
    one.revision = ++revision_;
    one.previous = previous;
    one.key = ticket_key(lock, id);
    one.space = keyspace::locks;
    return one;
  }

  std::vector<change> all;

 private:
  std::uint64_t sequence_, revision_;
};

json_text shared(std::string text) {
  return std::make_shared<std::string const>(std::move(text));
}

value_refused gone(std::string_view id, std::string_view lock) {
  return {errc::lease_expired, "there is no ticket '" + std::string(id) + "' of the lock '" + std::string(lock) +
                                   "': its lease has ended, or it was released; ask for a new one"};
}

}  // namespace

// --- records -------------------------------------------------------------------------------------------------------

std::string ticket_key_prefix(std::string_view lock) {
  std::string key(lock);
  key += '\0';
  return key;
}

std::string ticket_key(std::string_view lock, std::string_view id) {
  return ticket_key_prefix(lock).append(id);
}

std::pair<std::string_view, std::string_view> split_ticket_key(std::string_view key) noexcept {
  auto const end = std::min(key.find('\0'), key.size());
  return {key.substr(0, end), key.substr(std::min(end + 1, key.size()))};
}

std::string encode_ticket(ticket_record const& one) {
  using std::chrono::duration_cast;
  std::string bytes(1, record_version);
  bytes.reserve(1 + 4 * number_bytes + one.owner.size());
  put_number(bytes, one.order);
  put_number(bytes, one.token);
  put_number(bytes, static_cast<std::uint64_t>(one.lease.count()));
  put_number(bytes, static_cast<std::uint64_t>(duration_cast<nanoseconds>(one.since.time_since_epoch()).count()));
  return bytes += one.owner;
}

std::optional<ticket_record> decode_ticket(std::string_view bytes) {
  using std::chrono::system_clock;
  if (bytes.size() < 1 + 4 * number_bytes || bytes.front() != record_version) return std::nullopt;
  bytes.remove_prefix(1);
  ticket_record one;
  one.order = take_number(bytes);
  one.token = take_number(bytes);
  one.lease = nanoseconds(static_cast<std::int64_t>(take_number(bytes)));
  auto const since = nanoseconds(static_cast<std::int64_t>(take_number(bytes)));
  one.since = system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(since));
  one.owner = bytes;
  return one;
}

// --- tickets -------------------------------------------------------------------------------------------------------

std::uint64_t named_locks::bytes_of(ticket const& one) noexcept {
  // Its places in the trees and in the queue, and the allocator's overhead.
  constexpr std::uint64_t beside_it = 128;
  return sizeof(ticket) + one.id.size() + one.owner.size() + beside_it;
}

std::uint64_t named_locks::bytes_of_lock(std::string_view name) noexcept {
  constexpr std::uint64_t beside_it = 64;
  return sizeof(lock_map::value_type) + name.size() + beside_it;
}

namespace {

/// When the last of a ticket's polls ends; now if there are none.
template <class Ticket>
clock::time_point last_poll(Ticket const& one, clock::time_point now) {
  for (auto const end : one.polls) now = std::max(now, end);
  return now;
}

template <class Ticket>
ticket_record record_of(Ticket const& one) {
  return {.order = one.order, .token = one.token, .lease = one.lease, .since = one.since, .owner = one.owner};
}

}  // namespace

/// Unlinks a ticket from everything that refers to it, and removes its lock if it was the last ticket. It may be linked
/// only in part.
void named_locks::forget(ticket& one) noexcept {
  auto& of = *one.of;
  leases_.erase(lease_end{one.expires, &one});
  if (of.holder == &one) {
    of.holder = nullptr;
  } else {
    auto const place = std::lower_bound(of.waiting.begin(), of.waiting.end(), one.order,
                                        [](ticket const* a, std::uint64_t order) { return a->order < order; });
    if (place != of.waiting.end() && *place == &one) of.waiting.erase(place);
    if (!one.owner.empty()) waiting_.erase(&one);
  }
  bytes_ -= bytes_of(one);
  tickets_.erase(tickets_.find(ticket_id{&of, one.id}));
  if (of.holder == nullptr && of.waiting.empty()) {
    bytes_ -= bytes_of_lock(of.name);
    locks_.erase(locks_.find(of.name));
  } else if (of.waiting.capacity() > 64 && of.waiting.size() < of.waiting.capacity() / 4) {
    try {
      of.waiting.shrink_to_fit();
    } catch (std::bad_alloc const&) {
      // Keeps its memory.
    }
  }
}

void named_locks::set_expiry(ticket& one, clock::time_point at) {
  if (at == one.expires) return;
  leases_.insert(lease_end{at, &one});
  leases_.erase(lease_end{one.expires, &one});
  one.expires = at;
}

void named_locks::count_end(ticket const& one, change::kind why, clock::time_point now) noexcept {
  auto& counts = *one.of->counts;
  auto const is_lost = why == change::kind::expire ? 1U : 0U;
  if (one.token == 0) {
    counts.waiting.subtract();
    counts.waiting_lost.add(is_lost);
    return;
  }
  counts.held.subtract();
  counts.held_lost.add(is_lost);
  counts.holds.add();
  counts.hold_ns.add(static_cast<std::uint64_t>((now - one.begun).count()));
}

/// Removes a ticket. If it held the lock, the lock goes to the first waiter whose own lease has not expired.
void named_locks::leave(ticket& one, change::kind why, stream& to) {
  auto& of = *one.of;
  auto const now = to.now();
  std::vector<ticket*> leaving{&one};
  ticket* next = nullptr;
  if (of.holder == &one || of.holder == nullptr)
    for (auto* const each : of.waiting) {
      if (each == &one) continue;
      if (each->expires > now) {
        next = each;
        break;
      }
      leaving.push_back(each);
    }

  batch changes(to, leaving.size() + 1);
  for (auto* const each : leaving) {
    auto& left = changes.add(each == &one ? why : change::kind::expire, of.name, each->id, each->version);
    left.value = shared(encode_ticket(record_of(*each)));
  }
  ticket granted;
  if (next != nullptr) {
    auto& grant = changes.add(change::kind::put, of.name, next->id, next->version);
    granted.token = grant.revision;
    granted.version = grant.version();
    granted.since = wall_clock::now();
    granted.expires = later(now, next->lease);
    auto record = record_of(*next);
    record.token = granted.token;
    record.since = granted.since;
    grant.value = shared(encode_ticket(record));
    if (granted.expires != next->expires) leases_.insert(lease_end{granted.expires, next});
  }
  try {
    to.append(changes.all);
  } catch (...) {
    if (next != nullptr && granted.expires != next->expires) leases_.erase(lease_end{granted.expires, next});
    throw;
  }

  for (auto* const each : leaving) count_end(*each, each == &one ? why : change::kind::expire, now);
  if (next != nullptr) {
    auto& counts = *of.counts;
    counts.waiting.subtract();
    counts.held.add();
    counts.grants.add();
    counts.wait_ns.add(static_cast<std::uint64_t>((now - next->begun).count()));
    if (granted.expires != next->expires) leases_.erase(lease_end{next->expires, next});
    next->token = granted.token;
    next->version = granted.version;
    next->since = granted.since;
    next->begun = now;
    next->expires = granted.expires;
    next->polls = {};
  }
  // The last ticket removes its lock.
  for (auto* const each : leaving) forget(*each);
  if (next != nullptr) {
    of.waiting.erase(of.waiting.begin());
    if (!next->owner.empty()) waiting_.erase(next);
    of.holder = next;
  }
}

/// A lock whose holder's lease is valid. @return null if nobody holds it.
named_locks::lock* named_locks::find_live(std::string_view name, stream& to) {
  for (;;) {
    auto const place = locks_.find(name);
    if (place == locks_.end()) return nullptr;
    auto* const holder = place->second.holder;
    if (holder == nullptr || holder->expires > to.now()) return &place->second;
    leave(*holder, change::kind::expire, to);
  }
}

named_locks::ticket* named_locks::find_live(std::string_view name, std::string_view id, stream& to) {
  auto const* const of = find_live(name, to);
  if (of == nullptr) return nullptr;
  auto const found = tickets_.find(ticket_id{of, id});
  if (found == tickets_.end()) return nullptr;
  if ((*found)->expires > to.now()) return found->get();
  leave(**found, change::kind::expire, to);
  return nullptr;
}

ticket_found named_locks::describe(ticket const& one) const {
  ticket_found found{.id = one.id,
                     .owner = one.owner,
                     .lease = one.lease,
                     .token = one.token,
                     .position = 0,
                     .behind = {},
                     .since = one.since,
                     .is_new = false};
  if (one.token != 0) return found;
  auto const& all = one.of->waiting;
  auto const place = std::lower_bound(all.begin(), all.end(), one.order,
                                      [](ticket const* a, std::uint64_t order) { return a->order < order; });
  found.position = static_cast<std::uint32_t>(place - all.begin()) + 1;
  auto const* const before = place == all.begin() ? one.of->holder : *std::prev(place);
  if (before != nullptr) found.behind = before->owner.empty() ? before->id : before->owner;
  return found;
}

// --- what clients do ----------------------------------------------------------------------------------------------

data_outcome named_locks::run(ticket_operation const& one, stream& to) {
  auto* const found = find_live(one.lock, one.id, to);
  if (found == nullptr) {
    if (one.what == ticket_operation::kind::ask) return ask(one, to);
    return gone(one.id, one.lock);
  }
  switch (one.what) {
    case ticket_operation::kind::release:
      leave(*found, change::kind::del, to);
      return ticket_released{};
    case ticket_operation::kind::keep:
      set_lease(*found, one.lease, to);
      return describe(*found);
    case ticket_operation::kind::ask:
    case ticket_operation::kind::look:
      // This renews only waiters. A grant must be renewed explicitly.
      if (found->token == 0) add_poll(*found, one.polls_until, to.now());
      return describe(*found);
    case ticket_operation::kind::end_poll:
      if (found->token == 0) end_poll(*found, one.polls_until, to.now());
      return describe(*found);
  }
  return gone(one.id, one.lock);
}

/// Renews a waiter's place, for one lease after the last of its polls and this one.
void named_locks::add_poll(ticket& one, clock::time_point until, clock::time_point now) {
  std::erase_if(one.polls, [&](auto end) { return end <= now; });
  auto const is_new = until > now && std::find(one.polls.begin(), one.polls.end(), until) == one.polls.end();
  if (is_new) one.polls.reserve(one.polls.size() + 1);
  set_expiry(one, later(std::max(last_poll(one, now), until), one.lease));
  if (is_new) one.polls.push_back(until);
}

/// Others may still poll for the same ticket.
void named_locks::end_poll(ticket& one, clock::time_point until, clock::time_point now) {
  std::erase(one.polls, until);
  set_expiry(one, later(last_poll(one, now), one.lease));
}

/// Renews a lease, possibly with another length. A poll keeps its place meanwhile.
void named_locks::set_lease(ticket& one, nanoseconds lease, stream& to) {
  auto const begin = last_poll(one, to.now());
  if (lease.count() == 0 || lease == one.lease) return set_expiry(one, later(begin, one.lease));
  batch changes(to, 1);
  auto& changed = changes.add(change::kind::put, one.of->name, one.id, one.version);
  auto record = record_of(one);
  record.lease = lease;
  changed.value = shared(encode_ticket(record));
  auto const version = changed.version();
  auto const before = one.expires, expires = later(begin, lease);
  if (expires != before) leases_.insert(lease_end{expires, &one});
  try {
    to.append(changes.all);
  } catch (...) {
    if (expires != before) leases_.erase(lease_end{expires, &one});
    throw;
  }
  if (expires != before) leases_.erase(lease_end{before, &one});
  one.expires = expires;
  one.lease = lease;
  one.version = version;
}

data_outcome named_locks::ask(ticket_operation const& asked, stream& to) {
  auto place = locks_.find(asked.lock);
  auto const is_taken = place != locks_.end() && place->second.holder != nullptr;
  if (is_taken && !asked.may_wait) {
    auto const& holder = *place->second.holder;
    return value_refused{errc::lock_held, "the lock '" + asked.lock + "' is held by '" +
                                              (holder.owner.empty() ? holder.id : holder.owner) + "', and " +
                                              std::to_string(place->second.waiting.size()) + " wait for it"};
  }
  if (is_taken && !asked.owner.empty())
    if (auto cycle = cycle_behind(place->second, asked.owner); !cycle.empty()) return deadlock_found{std::move(cycle)};
  if (is_taken && place->second.waiting.size() >= waiting_max)
    return value_refused{errc::queue_full, "as many wait for the lock '" + asked.lock + "' as may, which is " +
                                               std::to_string(waiting_max) + "; retry"};

  auto own = std::make_unique<ticket>();
  auto& one = *own;
  one.id = asked.id;
  one.owner = asked.owner;
  one.lease = asked.lease;
  auto const bytes = bytes_of(one) + (place == locks_.end() ? bytes_of_lock(asked.lock) : 0);
  if (auto const full = to.lacks(bytes)) return *full;
  one.since = wall_clock::now();
  one.begun = to.now();
  if (is_taken && asked.polls_until > to.now()) one.polls.push_back(asked.polls_until);
  one.expires = later(last_poll(one, to.now()), asked.lease);
  batch changes(to, 1);
  auto& made = changes.add(change::kind::put, asked.lock, asked.id, 0);
  one.order = made.revision;
  one.version = made.version();
  if (!is_taken) one.token = made.revision;
  made.value = shared(encode_ticket(record_of(one)));

  auto const is_new_lock = place == locks_.end();
  auto& counts = is_new_lock ? counts_->of(asked.lock) : *place->second.counts;
  if (is_new_lock) {
    place = locks_.try_emplace(asked.lock).first;
    place->second.counts = &counts;
    place->second.name = place->first;
    bytes_ += bytes_of_lock(place->first);
  }
  one.of = &place->second;
  bytes_ += bytes_of(one);
  auto is_in = false;
  try {
    tickets_.insert(std::move(own));
    is_in = true;
    leases_.insert(lease_end{one.expires, &one});
    if (is_taken) {
      place->second.waiting.push_back(&one);
      if (!one.owner.empty()) waiting_.insert(&one);
    } else {
      place->second.holder = &one;
    }
    to.append(changes.all);
  } catch (...) {
    if (is_in) {
      forget(one);
    } else {
      bytes_ -= bytes;
      if (is_new_lock) locks_.erase(place);
    }
    throw;
  }
  if (is_taken) {
    counts.waiting.add();
  } else {
    counts.held.add();
    counts.grants.add();
  }
  auto found = describe(one);
  found.is_new = true;
  return found;
}

/// Finds a deadlock: whether the owner would wait for itself, because the holder waits for another lock, whose holder
/// waits, and so on. Each step examines everything that a holder waits for; earlier waiters of a queue wait for the
/// same holder.
/// @return the
/// cycle, beginning with the owner; empty: none.
std::vector<lock_wait> named_locks::cycle_behind(lock& wanted, std::string_view owner) {
  struct step {
    lock* wanted;
    std::size_t before;  // index of the step whose holder waits for it
  };
  std::vector<step> steps{{&wanted, 0}};
  ++searches_;
  wanted.looked_at = searches_;
  for (std::size_t at = 0; at < steps.size() && steps.size() <= deadlock_steps_max; ++at) {
    auto const* const holder = steps[at].wanted->holder;
    if (holder == nullptr || holder->owner.empty()) continue;
    if (holder->owner == owner) {
      std::vector<lock_wait> cycle;
      for (auto back = at;; back = steps[back].before) {
        auto const is_first = back == 0;
        cycle.push_back({is_first ? std::string(owner) : steps[steps[back].before].wanted->holder->owner,
                         std::string(steps[back].wanted->name), steps[back].wanted->holder->owner});
        if (is_first) break;
      }
      std::reverse(cycle.begin(), cycle.end());
      if (cycle.size() > cycle_told_max) cycle.resize(cycle_told_max);
      return cycle;
    }
    for (auto found = waiting_.lower_bound(std::string_view(holder->owner));
         found != waiting_.end() && (*found)->owner == holder->owner; ++found) {
      auto& next = *(*found)->of;
      if (std::exchange(next.looked_at, searches_) != searches_) steps.push_back({&next, at});
      if (steps.size() > deadlock_steps_max) break;
    }
  }
  return {};
}

bool named_locks::lives(lock_grant const& grant, clock::time_point now) const noexcept {
  auto const found = locks_.find(grant.lock);
  if (found == locks_.end()) return false;
  auto const* const holder = found->second.holder;
  return holder != nullptr && holder->token == grant.token && holder->expires > now;
}

std::size_t named_locks::remove_expired(std::size_t most, stream& to) {
  auto const before = tickets_.size();
  while (before - tickets_.size() < most && earliest() <= to.now())
    leave(*leases_.begin()->whose, change::kind::expire, to);
  return before - tickets_.size();
}

data_outcome named_locks::run(show_lock_operation const& one, stream& to) {
  lock_shown shown{.lock = one.lock, .tickets = {}, .waiting = 0};
  auto const* const found = find_live(one.lock, to);
  if (found == nullptr) return shown;
  auto const& all = *found;
  shown.waiting = all.waiting.size();
  if (all.holder != nullptr) shown.tickets.push_back(describe(*all.holder));
  for (std::size_t i = 0; i < all.waiting.size() && i < one.limit; ++i)
    shown.tickets.push_back(describe(*all.waiting[i]));
  return shown;
}

data_outcome named_locks::run(list_locks_operation const& list) const {
  locks_listed page;
  auto at = locks_.lower_bound(list.prefix);
  if (list.after && *list.after >= list.prefix) at = locks_.upper_bound(*list.after);
  for (; at != locks_.end() && at->first.starts_with(list.prefix); ++at) {
    if (page.locks.size() == list.limit) {
      page.next = page.locks.back().lock;
      break;
    }
    auto& shown = page.locks.emplace_back();
    shown.lock = at->first;
    shown.waiting = at->second.waiting.size();
    if (at->second.holder != nullptr) shown.tickets.push_back(describe(*at->second.holder));
  }
  return page;
}

// --- after a restart -----------------------------------------------------------------------------------------------

bool named_locks::load(std::string_view key, std::string_view bytes, std::uint64_t version, clock::time_point now) {
  auto record = decode_ticket(bytes);
  if (!record) return false;
  auto const [name, id] = split_ticket_key(key);
  auto& counts = counts_->of(name);
  auto const [place, is_new] = locks_.try_emplace(std::string(name));
  if (is_new) {
    place->second.counts = &counts;
    place->second.name = place->first;
    bytes_ += bytes_of_lock(place->first);
  }
  auto own = std::make_unique<ticket>();
  auto& one = *own;
  one.of = &place->second;
  one.id = id;
  one.owner = std::move(record->owner);
  one.lease = record->lease;
  one.order = record->order;
  one.token = record->token;
  one.version = version;
  one.since = record->since;
  one.expires = later(now, one.lease);
  one.begun = now;
  (one.token != 0 ? counts.held : counts.waiting).add();
  bytes_ += bytes_of(one);
  tickets_.insert(std::move(own));
  leases_.insert(lease_end{one.expires, &one});
  if (one.token != 0) {
    place->second.holder = &one;
  } else {
    place->second.waiting.push_back(&one);
    if (!one.owner.empty()) waiting_.insert(&one);
  }
  return true;
}

void named_locks::begin(clock::time_point now) {
  for (auto const& one : tickets_) {
    one->begun = now;
    set_expiry(*one, later(now, one->lease));
  }
  for (auto& [name, one] : locks_)
    std::sort(one.waiting.begin(), one.waiting.end(), [](auto const* a, auto const* b) { return a->order < b->order; });
}

}  // namespace holdfast::server
