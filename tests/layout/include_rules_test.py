"""Gives include_rules.py small trees, right and wrong, and compares what it says about each."""

import os
import tempfile
import unittest

from include_rules import violations

# Files that every tree has, so that there is something to include.
TREE = {
    "protocol/operation.hpp": "",
    "server/store/store.hpp": "",
    "server/store/database.hpp": "",
    "server/sync/include/holdfast/sync/mutex.hpp": "",
    "server/net/connection.hpp": "",
    "server/http/session.hpp": "",
    "server/api/values.hpp": "",
    "client/connection.hpp": "",
    "bench/burst.hpp": "",
    "tests/support/clock.hpp": "",
}

# (file, its line, a part of the rule that it breaks)
WRONG = (
    ("protocol/json.cpp", '#include "server/store/store.hpp"', "protocol may include itself of ours, not store"),
    ("protocol/json.cpp", "#include <holdfast/sync/mutex.hpp>", "protocol may include itself of ours, not sync"),
    ("protocol/json.hpp", "#include <boost/asio/ip/tcp.hpp>", "protocol must not know Asio"),
    ("protocol/json.cpp", "#  include <spdlog/spdlog.h>", "protocol must not know logging"),
    ("protocol/json.cpp", "#include <mutex>", "protocol must not know threads and locks"),
    ("server/sync/include/holdfast/sync/guarded.hpp", '#include "server/store/store.hpp"', "sync may include itself of ours, not store"),
    ("server/sync/include/holdfast/sync/guarded.hpp", '#include "protocol/operation.hpp"', "sync may include itself of ours"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <spdlog/spdlog.h>", "sync may include nothing but Asio"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <boost/intrusive/list.hpp>", "sync may include nothing but Asio"),
    ("server/store/database.cpp", "#include <boost/asio/awaitable.hpp>", "database must not know Asio"),
    ("server/store/database.cpp", "#include <nlohmann/json.hpp>", "database must not know JSON"),
    ("server/store/database.cpp", "#include <holdfast/sync/mutex.hpp>", "database may include protocol, json, journal, data and itself of ours, not sync"),
    ("server/store/database.cpp", '#include "server/store/store.hpp"', "database may include protocol, json, journal, data and itself of ours, not store"),
    ("server/http/session.cpp", '#include "server/store/store.hpp"', "http may include protocol, tls, log, loop, net and itself of ours, not store"),
    ("server/net/connection.cpp", '#include "server/http/session.hpp"', "net may include tls, log, loop and itself of ours, not http"),
    ("server/store/store.cpp", '#include "server/api/values.hpp"', "not api"),
    ("server/api/values.cpp", "#include <sys/socket.h>", "api must not know sockets"),
    ("server/http/session.hpp", "#include <boost/beast/http.hpp>", "no header includes Beast"),
    ("tests/end_to_end/peer.hpp", "#include <boost/beast/core.hpp>", "no header includes Beast"),
    ("server/http/session.cpp", '#include "client/connection.hpp"', "http may include protocol, tls, log, loop, net and itself of ours, not client"),
    ("server/http/session.cpp", "#include <client/connection.hpp>", "not client"),
    ("server/http/session.cpp", '#include "tests/support/clock.hpp"', "not tests"),
    ("server/http/session.cpp", "#include <gtest/gtest.h>", "http must not know test frameworks"),
    ("server/http/session.cpp", '#include "store.hpp"', "there is no such file from the repository's root"),
    ("server/http/session.cpp", '#include "server/sync/include/holdfast/sync/mutex.hpp"', "the lock library has a public name"),
    ("client/get.cpp", '#include "server/store/store.hpp"', "client may include protocol, tls, manual and itself of ours, not store"),
    ("client/get.cpp", "#include <holdfast/sync/mutex.hpp>", "client may include protocol, tls, manual and itself of ours, not sync"),
    ("bench/sync.cpp", '#include "tests/support/clock.hpp"', "not tests"),
    ("tests/end_to_end/get.cpp", '#include "bench/burst.hpp"', "not bench"),
    ("tests/protocol/json.cpp", '#include "server/store/store.hpp"', "tests/protocol may include protocol, tests and itself of ours"),
    ("tests/sync/mutex.cpp", '#include "protocol/operation.hpp"', "tests/sync may include sync, tests and itself"),
    ("tests/client/get.cpp", '#include "server/store/store.hpp"', "tests/client may include protocol, client, tests and itself"),
    ("tests/server/store.cpp", '#include "client/connection.hpp"', "tests/server may include"),
    ("cmake/asio.cpp", '#include "protocol/operation.hpp"', "cmake may include itself of ours"),
    ("misc/helper.cpp", "", "this file is in no room"),
)

RIGHT = (
    ("protocol/json.cpp", '#include "protocol/operation.hpp"'),
    ("protocol/json.cpp", "#include <nlohmann/json.hpp>"),
    ("protocol/json.cpp", "#include <boost/system/result.hpp>"),
    ("server/http/request_parser.cpp", "#include <boost/beast/http/basic_parser.hpp>"),
    ("server/http/request_parser.cpp", "#include <boost/asio/buffer.hpp>"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <holdfast/sync/mutex.hpp>"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <boost/asio/async_result.hpp>"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <boost/system/error_code.hpp>"),
    ("server/sync/include/holdfast/sync/guarded.hpp", "#include <mutex>"),
    ("server/store/database.cpp", '#include "protocol/operation.hpp"'),
    ("server/http/session.cpp", "#include <boost/beast/http.hpp>"),
    ("server/http/session.cpp", '#include "protocol/operation.hpp"'),
    ("server/http/session.cpp", '#include "server/net/connection.hpp"'),
    ("server/api/values.cpp", '#include "server/store/store.hpp"'),
    ("server/store/store.cpp", "#include <holdfast/sync/mutex.hpp>"),
    ("client/get.cpp", '#include "protocol/operation.hpp"'),
    ("client/get.cpp", '// #include "server/store/store.hpp"'),
    ("bench/sync.cpp", '#include "client/connection.hpp"'),
    ("bench/sync.cpp", "#include <benchmark/benchmark.h>"),
    ("tests/end_to_end/get.cpp", '#include "server/store/store.hpp"'),
    ("tests/end_to_end/get.cpp", '#include "tests/support/clock.hpp"'),
    ("cmake/asio.cpp", "#include <boost/beast/src.hpp>"),
)


def said_about(file, line):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**TREE, file: "// first line\n" + line + "\n"}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                out.write(text)
        return list(violations(root))


class IncludeRules(unittest.TestCase):
    def test_each_wrong_include_is_told_with_its_line_its_rule_and_what_to_do(self):
        for file, line, rule in WRONG:
            with self.subTest(file=file, line=line):
                said = said_about(file, line)
                self.assertEqual(len(said), 1, said)
                self.assertIn(rule, said[0])
                self.assertIn("do: ", said[0])
                self.assertTrue(said[0].startswith(f"{file}:2: {line.strip()}" if line else f"{file}:"), said[0])

    def test_a_line_that_breaks_two_rules_is_told_of_both(self):
        said = said_about("server/store/database.hpp", "#include <boost/beast/http/field.hpp>")
        self.assertEqual(len(said), 2, said)

    def test_right_includes_are_left_alone(self):
        for file, line in RIGHT:
            with self.subTest(file=file, line=line):
                self.assertEqual(said_about(file, line), [])


if __name__ == "__main__":
    unittest.main()
