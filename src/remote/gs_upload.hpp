// Uploads to Google Cloud Storage. The service is told the digest beforehand and refuses other
// bytes; what it says it has stored is compared all the same.
#pragma once

#include <string>

#include "remote/http_transfer.hpp"
#include "remote/remote.hpp"

namespace iris::remote {

struct GsTarget {
  std::string url;    // …/upload/storage/v1/b/BUCKET/o
  std::string name;   // of the object
  std::string place;  // for messages
};

// The object that an answer's JSON describes.
Result<ObjectInfo> stored_object(const HttpResponse& answer, const std::string& place);

// In one request: for what is small enough to be sent again when it fails.
Result<void> upload_at_once(HttpTransfer& transfer, const GsTarget& target, const Upload& upload);

// In a session that the next try, or the next run, continues where this one ended.
class ResumableUpload {
 public:
  ResumableUpload(HttpTransfer& transfer, const GsTarget& target, const Upload& upload)
      : transfer_(transfer), target_(target), upload_(upload) {}

  Result<void> run();

 private:
  Result<void> begin();
  Result<void> stored(const HttpResponse& answer);
  tl::expected<HttpResponse, HttpFailure> send_rest();
  tl::expected<HttpResponse, HttpFailure> ask_status();
  void stand_at(std::uint64_t offset);
  void load_session();
  void save_session() const;
  void forget_session();

  HttpTransfer& transfer_;
  const GsTarget& target_;
  const Upload& upload_;
  std::string session_;       // its URL, which whoever has it may write to: a secret
  std::uint64_t offset_ = 0;  // what the service has
  std::uint64_t told_ = 0;    // what on_bytes was told
};

}  // namespace iris::remote
