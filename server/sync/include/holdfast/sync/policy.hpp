#pragma once

namespace holdfast::sync {

/// A mutex that tells nobody what it does.
struct no_instrumentation {};

}  // namespace holdfast::sync
