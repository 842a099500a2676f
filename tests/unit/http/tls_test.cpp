// TLS between the server and a client of OpenSSL's, on one thread.
#include "http/tls.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "certificate.hpp"
#include "http/listen.hpp"
#include "http/server.hpp"

namespace iris::http {
namespace {

using namespace std::chrono_literals;

class Sizes final : public Handler {
 public:
  void handle(const Request& request, Response& response) override {
    response.begin(200);
    append(response.body(), fmt::format("{} {} ", request.path, request.body.size()));
    if (request.path == "/large") response.body().resize(response.body().size() + (8 << 20));
    append(response.body(), ".");
  }
  void refuse(const Fault& fault, const Request& /*request*/, Response& response) override {
    response.begin(fault.status);
    append(response.body(), fault.message);
  }
};

class TlsFiles {
 public:
  TlsFiles() {
    std::string name = testing::TempDir() + "iris-tls-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~TlsFiles() { std::filesystem::remove_all(folder_); }
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::shared_ptr<const TlsIdentity> identity(const std::string& name) const {
    const auto pem = make_certificate(name);
    auto loaded = TlsIdentity::load(write("crt", pem.certificate), write("key", pem.key));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return *loaded;
  }

 private:
  std::filesystem::path folder_;
};

// A client that does not wait, so that the server can run in the same thread.
class Client {
 public:
  Client(const sockaddr_in& address, int newest_version)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        session_((SSL_CTX_set_max_proto_version(context_.get(), newest_version),
                  SSL_CTX_set_security_level(context_.get(), 0), SSL_new(context_.get())),
                 SSL_free) {
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
    SSL_set_fd(session_.get(), socket_.get());
    SSL_set_connect_state(session_.get());
  }

  SSL* session() { return session_.get(); }
  const Fd& socket() const { return socket_; }
  bool failed(int result) {
    const int error = SSL_get_error(session(), result);
    return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
  }
  std::string peer() {
    char name[64] = "";
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(session()), X509_free);
    if (!certificate) return name;
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                              sizeof name);
    return name;
  }

 private:
  Fd socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> session_;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() { std::signal(SIGPIPE, SIG_IGN); }

  void serve(const ServerOptions& options = {}) {
    server_.emplace(loop_, options, handler_, counters_, clock_, 1);
    auto listeners = listen_on("127.0.0.1", 0, 1);
    ASSERT_TRUE(listeners);
    socklen_t size = sizeof address_;
    getsockname(listeners->front().get(), reinterpret_cast<sockaddr*>(&address_), &size);
    server_->listen(std::move(listeners->front()), {&identities_});
  }
  Client connect(int newest_version = TLS1_3_VERSION) { return {address_, newest_version}; }

  bool run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 2000; ++i) {
      if (done()) return true;
      loop_.run_once(1ms);
    }
    return false;
  }
  bool shake_hands(Client& client) {
    bool good = false;
    run_until([&] {
      const int result = SSL_do_handshake(client.session());
      good = result == 1;
      return good || client.failed(result);
    });
    return good;
  }
  void send(Client& client, std::string_view bytes) {
    std::size_t done = 0;
    EXPECT_TRUE(run_until([&] {
      const int count =
          SSL_write(client.session(), bytes.data() + done, static_cast<int>(bytes.size() - done));
      if (count > 0) done += static_cast<std::size_t>(count);
      return done == bytes.size();
    }));
  }
  std::string receive(Client& client, std::string_view end) {
    std::string received;
    run_until([&] {
      static char bytes[1 << 16];
      for (;;) {
        const int count = SSL_read(client.session(), bytes, sizeof bytes);
        if (count <= 0) {
          if (client.failed(count)) received += "<end>";
          return received.ends_with("<end>");
        }
        received.append(bytes, static_cast<std::size_t>(count));
        if (received.ends_with(end)) return true;
      }
    });
    return received;
  }
  std::uint64_t closed(CloseReason reason) const {
    return counters_.closed[static_cast<std::size_t>(reason)].value();
  }

  TlsFiles files_;
  ManualClock clock_;
  EventLoop loop_{clock_};
  Sizes handler_;
  Counters counters_;
  TlsIdentities identities_{files_.identity("first")};
  std::optional<Server> server_;
  sockaddr_in address_{};
};

std::string post(const std::string& path, std::size_t size) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", path, size,
                     std::string(size, 'x'));
}

TEST_F(TlsTest, AnswersInBothVersions) {
  serve();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto client = connect(version);
    ASSERT_TRUE(shake_hands(client));
    EXPECT_EQ(SSL_version(client.session()), version);
    EXPECT_EQ(client.peer(), "first");
    for (int i = 0; i < 3; ++i) {
      send(client, post("/a", 2));
      EXPECT_TRUE(receive(client, ".").ends_with("/a 2 .")) << i;
    }
  }
  EXPECT_EQ(counters_.requests.value(), 6U);
}

TEST_F(TlsTest, AnswersARequestThatComesWithTheEndOfTheHandshake) {
  serve();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    auto client = connect();
    ASSERT_TRUE(shake_hands(client));
    send(client, post("/a", 2));
    // In the turns that end the handshake, not when something else happens.
    for (int turn = 0; turn < 3; ++turn) loop_.run_once(1ms);
    EXPECT_EQ(counters_.requests.value(), i);
  }
}

TEST_F(TlsTest, RefusesOlderVersions) {
  serve();
  auto client = connect(TLS1_1_VERSION);
  EXPECT_FALSE(shake_hands(client));
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(closed(CloseReason::kHandshake), 1U);
}

// More than a record, than a buffer and than what the socket takes, each way.
TEST_F(TlsTest, TakesAndGivesMuch) {
  serve();
  auto client = connect();
  ASSERT_TRUE(shake_hands(client));
  send(client, post("/a", 3 << 20));
  EXPECT_TRUE(receive(client, ".").ends_with("/a 3145728 ."));
  send(client, post("/large", 5));
  EXPECT_GT(receive(client, ".").size(), 8U << 20);
  std::string many;
  for (int i = 0; i < 2000; ++i) many += post("/" + std::to_string(i), 1);
  send(client, many);
  EXPECT_TRUE(receive(client, "/1999 1 .").ends_with("/1999 1 ."));
  EXPECT_EQ(counters_.in_flight.value(), 0U);
}

TEST_F(TlsTest, AnswersAClientThatHasSaidGoodbye) {
  serve();
  auto client = connect();
  ASSERT_TRUE(shake_hands(client));
  send(client, post("/a", 2));
  SSL_shutdown(client.session());
  EXPECT_TRUE(receive(client, "<end>").ends_with("/a 2 .<end>"));
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(closed(CloseReason::kClient), 1U);
}

TEST_F(TlsTest, EndsWithoutGoodbye) {
  serve();
  {
    auto client = connect();
    ASSERT_TRUE(shake_hands(client));
    SSL_set_quiet_shutdown(client.session(), 1);
  }
  EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(closed(CloseReason::kClient), 1U);
}

TEST_F(TlsTest, ClosesAClientThatSpeaksInClear) {
  serve();
  auto client = connect();
  const auto request = post("/a", 2);
  ::send(client.socket().get(), request.data(), request.size(), 0);
  EXPECT_TRUE(run_until([&] { return closed(CloseReason::kHandshake) == 1; }));
  EXPECT_EQ(counters_.requests.value(), 0U);
}

// Neither silence nor a byte now and then keeps a handshake open.
TEST_F(TlsTest, ClosesAClientThatStallsInTheHandshake) {
  serve({.read_timeout = 1s});
  const auto silent = connect();
  const auto slow = connect();
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  constexpr char kHello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01,
                             0x00, 0x01, 0x7c, 0x03, 0x03, 0x01};
  std::size_t sent = 0;
  for (; sent < sizeof kHello && server_->connections() > 0; ++sent) {
    ::send(slow.socket().get(), kHello + sent, 1, MSG_NOSIGNAL);
    clock_.advance(200ms);
    for (int i = 0; i < 150; ++i) loop_.run_once(1ms);
  }
  EXPECT_LT(sent, sizeof kHello);
  EXPECT_EQ(closed(CloseReason::kHandshake), 2U);
}

TEST_F(TlsTest, GreetsNewConnectionsWithTheNewCertificate) {
  serve();
  auto before = connect();
  ASSERT_TRUE(shake_hands(before));
  identities_.replace(files_.identity("second"));
  auto after = connect();
  ASSERT_TRUE(shake_hands(after));
  EXPECT_EQ(after.peer(), "second");
  send(before, post("/a", 2));
  EXPECT_TRUE(receive(before, ".").ends_with("/a 2 ."));
}

TEST(TlsIdentity, SaysWhatIsWrongWithItsFiles) {
  const TlsFiles files;
  const auto one = make_certificate("one");
  const auto two = make_certificate("two");
  const auto certificate = files.write("one.crt", one.certificate);
  const auto key = files.write("one.key", one.key);
  EXPECT_TRUE(TlsIdentity::load(certificate, key));
  const struct {
    std::string certificate;
    std::string key;
    std::string message;
  } cases[] = {
      {certificate + ".none", key, "one.crt.none: cannot open"},
      {certificate, key + ".none", "one.key.none: cannot open"},
      {key, key, "one.key: expected a certificate in PEM"},
      {certificate, certificate, "one.crt: expected a private key in PEM"},
      {certificate, files.write("two.key", two.key), "two.key: this is not the key of"},
      {files.write("bad.crt", "no certificate"), key, "bad.crt: expected a certificate in PEM"},
      {certificate,
       files.write("locked.key",
                   "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"  // scan-secrets: allow
                   "-----END ENCRYPTED PRIVATE KEY-----\n"),
       "locked.key: expected a private key in PEM without a pass phrase"},
  };
  for (const auto& [certificate_path, key_path, message] : cases) {
    const auto loaded = TlsIdentity::load(certificate_path, key_path);
    ASSERT_FALSE(loaded) << message;
    EXPECT_NE(loaded.error().message.find(message), std::string::npos) << loaded.error().message;
  }
}

}  // namespace
}  // namespace iris::http
