#include "tests/client/load/sample_report.hpp"

namespace holdfast::tests {

using namespace std::chrono_literals;
using namespace client::load;

measurements a_hundred_answers() {
  measurements measured;
  auto const record = [&](operation_kind operation, unsigned status, nanoseconds latency, nanoseconds wait, int times) {
    for (int i = 0; i < times; ++i)
      measured.record({operation, status, true, latency, protocol::lock_timing{wait, 500us}});
  };
  record(operation_kind::get, 200, 1ms, 0ns, 90);
  record(operation_kind::put, 204, 2ms, 0ns, 9);
  record(operation_kind::get, 200, 101ms, 100ms, 1);
  return measured;
}

load_report finished_run() {
  load_report report;
  report.settings.connections = 4;
  report.settings.threads = 2;
  report.settings.duration = 2s;
  report.started_at = std::chrono::system_clock::time_point(1'000'000'000s);
  report.elapsed = 2s;
  report.cpu = 1ms;
  report.total = a_hundred_answers();
  report.seconds = {summarize(0, report.total, row_detail::histograms), summarize(1, measurements())};
  return report;
}

load_report finished_open_loop() {
  load_report report;
  report.settings.stages = {{10s, 10, 10}};
  report.settings.duration = 10s;
  report.settings.arrivals = arrivals::poisson;
  report.settings.warm_up = 1s;
  report.elapsed = 10s;
  protocol::lock_timing const timing{0ns, 100us};
  for (int i = 0; i < 50; ++i) {
    report.total.record_start(10us);
    report.total.record({operation_kind::get, 200, true, 1010us, timing, 10us});
    report.total.record_queued();
    report.total.record({operation_kind::get, 200, true, 5ms, timing, 4ms});
  }
  return report;
}

}  // namespace holdfast::tests
