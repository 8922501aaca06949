// SPDX-License-Identifier: MIT
#pragma once
#include <holdfast/sync/detail/shared_state.hpp>

namespace holdfast::sync {

/// A reader-writer lock for coroutines: like mutex, but with async_lock_shared() any number of readers own it together.
///
/// Fair: readers and writers wait in one queue, in order of arrival. Adjacent readers are granted together. A reader
/// never overtakes a waiting writer, so readers cannot starve a writer; when a writer leaves the queue, the readers
/// behind it are granted at once. `writer.downgrade()` turns a writer into a reader.
///
/// Lifetimes as for mutex. Locks that own the mutex when it is destroyed stay valid, and operations to which it was
/// granted but not yet delivered complete with operation_aborted. The mutex keeps its state in one heap allocation.
class shared_mutex : public detail::basic_shared<void> {
 public:
  shared_mutex() = default;
};

}  // namespace holdfast::sync
