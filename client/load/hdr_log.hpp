#pragma once

#include <span>
#include <string>

#include "client/load/histogram.hpp"

namespace holdfast::client::load {

struct load_report;

/// The histogram in the exchange format of HdrHistogram's tools: V2 encoding (counts as ZigZag LEB128, runs of zeros as
/// one negative number), deflated, in Base64. Values are nanoseconds. Source: HdrHistogram's AbstractHistogram.java,
/// encodeIntoCompressedByteBuffer; V2HistogramEncoding in the same repository.
/// @throws std::bad_alloc, or std::runtime_error if zlib fails
[[nodiscard]] std::string hdr_text(histogram const& counted);

/// An interval log, format 1.3, for HdrHistogram's HistogramLogProcessor, HistogramLogAnalyzer and plotters: one line
/// per second and operation (`Tag=get`), with start and length in seconds since the first run's start, and the maximum
/// in milliseconds. The rows must contain histograms (row_detail::histograms).
[[nodiscard]] std::string hdr_log(std::span<load_report const> runs);

}  // namespace holdfast::client::load
