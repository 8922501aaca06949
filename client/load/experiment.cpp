#include "client/load/experiment.hpp"

#include <algorithm>
#include <cctype>
#include <type_traits>

#include "client/load/text.hpp"
#include "protocol/duration.hpp"

namespace holdfast::client::load {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (auto const c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::string toml_of(bool value) {
  return value ? "true" : "false";
}

std::string toml_of(std::int64_t value) {
  return std::to_string(value);
}

std::string toml_of(std::string const& value) {
  return quoted(value);
}

std::string toml_of(experiment_entry::list const& values) {
  std::string out = "[";
  for (auto const& value : values) {
    if (out.size() > 1) out += ", ";
    out += quoted(value);
  }
  return out += ']';
}

/// Quotes a text as one word for the shell.
std::string one_word(std::string const& text) {
  auto const is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_./:=,@%+-").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return text;
  std::string out = "'";
  for (auto const c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out += '\'';
}

experiment_entry::list texts_of(std::vector<threshold> const& thresholds) {
  experiment_entry::list texts;
  for (auto const& one : thresholds) texts.push_back(one.text);
  return texts;
}

/// Adds the rates of the open loop, as --rate if one rate is enough.
void add_rates(std::vector<experiment_entry>& entries, load_settings const& settings) {
  if (!is_open_loop(settings)) {
    entries.push_back({"duration", protocol::format_duration(settings.duration)});
    return;
  }
  auto const& first = settings.stages.front();
  if (settings.stages.size() == 1 && first.rate_begin == first.rate_end) {
    entries.push_back({"rate", format_rate(first.rate_begin)});
    entries.push_back({"duration", protocol::format_duration(first.duration)});
  } else {
    experiment_entry::list stages;
    for (auto const& one : settings.stages) stages.push_back(format_stage(one));
    entries.push_back({"stage", std::move(stages)});
  }
  entries.push_back({"arrivals", std::string(name_of(settings.arrivals))});
}

}  // namespace

std::vector<experiment_entry> experiment_of(load_settings const& settings) {
  auto const& workload = settings.workload;
  std::vector<experiment_entry> entries;
  auto const add = [&](std::string key, auto value) {
    if constexpr (std::is_same_v<decltype(value), bool> || !std::is_integral_v<decltype(value)>) {
      entries.push_back({std::move(key), std::move(value)});
    } else {
      entries.push_back({std::move(key), static_cast<std::int64_t>(value)});
    }
  };
  auto const& server = settings.connection.server;
  add("server", urls_of(server));
  if (!server.trust.ca_certificate.empty()) add("ca-cert", server.trust.ca_certificate);
  if (!server.trust.client_certificate.empty()) add("client-cert", server.trust.client_certificate);
  if (!server.trust.client_key.empty()) add("client-key", server.trust.client_key);
  if (server.trust.accept_any) add("insecure", true);
  if (auto const limit = settings.connection.request_timeout) add("timeout", protocol::format_duration(*limit));
  add("connections", settings.connections);
  add("pipeline", settings.pipeline);
  add("threads", settings.threads);
  add_rates(entries, settings);
  add("warm-up", protocol::format_duration(settings.warm_up));
  add("mix", format_mix(workload.mix));
  add("key-choice", format_key_choice(workload.key_choice));
  add("keys", workload.keys);
  add("value-size", format_value_size(workload.value_bytes));
  if (workload.hold) {
    add("hold", format_hold(*workload.hold));
    add("hold-share", format_number(workload.hold_share));
  }
  if (workload.ttl) {
    add("ttl", format_hold(*workload.ttl));
    add("ttl-share", format_number(workload.ttl_share));
  }
  add("seed", workload.seed);
  if (!settings.thresholds.empty()) add("threshold", texts_of(settings.thresholds));
  if (!settings.find_max.empty()) add("find-max", texts_of(settings.find_max));
  if (settings.find_max.empty()) add("runs", settings.runs);  // a search chooses the number of runs itself
  add("verify", settings.verify);
  if (settings.verify) add("verify-time", protocol::format_duration(settings.verify_time));
  add("keep-keys", settings.keep_keys);
  return entries;
}

std::string to_toml(std::vector<experiment_entry> const& entries) {
  std::string out;
  for (auto const& entry : entries) {
    out += entry.key + " = ";
    out += std::visit([](auto const& value) { return toml_of(value); }, entry.value);
    out += '\n';
  }
  return out;
}

std::vector<std::string> to_flags(experiment_entry const& entry) {
  auto const flag = "--" + entry.key;
  return std::visit(
      [&]<class Value>(Value const& value) -> std::vector<std::string> {
        if constexpr (std::is_same_v<Value, bool>) {
          return value ? std::vector{flag} : std::vector<std::string>();
        } else if constexpr (std::is_same_v<Value, experiment_entry::list>) {
          std::vector<std::string> flags;
          for (auto const& one : value) flags.push_back(flag + '=' + one);
          return flags;
        } else if constexpr (std::is_same_v<Value, std::string>) {
          return {flag + '=' + value};
        } else {
          return {flag + '=' + std::to_string(value)};
        }
      },
      entry.value);
}

std::string to_command(std::vector<experiment_entry> const& entries, std::size_t indent) {
  constexpr std::size_t columns_max = 110;
  std::string out = "holdfast load";
  auto column = indent + out.size();
  for (auto const& entry : entries) {
    for (auto flag : to_flags(entry)) {
      if (auto const equals = flag.find('='); equals != flag.npos)
        flag = flag.substr(0, equals) + ' ' + one_word(flag.substr(equals + 1));
      if (column + flag.size() + std::string_view("  \\").size() > columns_max) {
        out += " \\\n" + std::string(indent, ' ');
        column = indent;
      } else {
        out += ' ';
        ++column;
      }
      out += flag;
      column += flag.size();
    }
  }
  return out;
}

}  // namespace holdfast::client::load
