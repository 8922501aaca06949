#include "server/app/cluster_commands.hpp"

#include <sysexits.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "server/cluster/commit_format.hpp"
#include "server/cluster/etcd_client.hpp"

namespace holdfast::server {

int run_cluster_status(cluster_settings const& cluster) {
  constexpr std::chrono::seconds patience{3};
  constexpr auto shared_url =
      "  (has the URL of another one: give each server its own --advertise; after a crash, wait for its lease to end)";
  try {
    cancel_signal const never;
    etcd_client etcd(cluster.etcd, never);
    auto const due = etcd_client::clock::now() + patience;
    auto members = etcd.range(cluster.candidates(), end_of_prefix(cluster.candidates()), 0, 0, due).entries;
    std::ranges::sort(members, {}, &etcd_entry::create_revision);
    auto const last = etcd.last(cluster.log(), end_of_prefix(cluster.log()), due);
    auto const status = etcd.status(due);
    auto const shares_url = [&](etcd_entry const& one) {
      return std::ranges::count(members, one.value, &etcd_entry::value) > 1;
    };
    std::cout << "cluster " << cluster.name << '\n';
    for (auto const& one : members)
      std::cout << (&one == members.data() ? "  leader   " : "  standby  ") << one.value << "  term "
                << one.create_revision << (shares_url(one) ? shared_url : "") << '\n';
    if (members.empty()) std::cout << "  no servers\n";
    if (!last) {
      std::cout << "  no data yet\n";
    } else if (auto const record = read_record(last->value)) {
      std::cout << "  revision " << record->head.revision << ", entries " << record->head.entries << '\n';
    } else {
      std::cout << "  the data has a format that this version does not know\n";
    }
    std::cout << "  etcd     " << etcd.endpoint() << "  " << status.bytes << " of " << status.bytes_max
              << " bytes used\n";
    return members.empty() ? EXIT_FAILURE : EXIT_SUCCESS;
  } catch (etcd_error const& error) {
    std::cerr << "holdfast-server: " << error.what() << '\n';
    return EX_UNAVAILABLE;
  }
}

}  // namespace holdfast::server
