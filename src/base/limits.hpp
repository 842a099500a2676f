// Every bound on input, in one place. A reader that meets a larger input refuses it and names the
// bound; nothing is read without one.
#pragma once

#include <cstddef>

namespace iris::limits {

inline constexpr std::size_t kFileBytes = std::size_t{4} << 30;    // any file read whole
inline constexpr std::size_t kConfigBytes = std::size_t{4} << 20;  // YAML, JSON and DVC files
inline constexpr std::size_t kTokenBytes = 4096;                   // a bearer token's file
inline constexpr std::size_t kModelBytes = std::size_t{512} << 20;

inline constexpr std::size_t kStages = 10'000;  // that one foreach or matrix of dvc.yaml makes
inline constexpr std::size_t kTemplateNodes = 50'000;  // of values, resolved for one dvc.yaml
inline constexpr std::size_t kValueBytes = std::size_t{8} << 20;  // of all files that its vars name
inline constexpr std::size_t kObjectBytes = std::size_t{1} << 40;  // one object of a remote
inline constexpr std::size_t kDirectoryFiles = 1'000'000;          // files of one DVC directory
inline constexpr std::size_t kDirectoryBytes = std::size_t{128} << 20;  // and of its listing

inline constexpr std::size_t kUnpackedBytes = std::size_t{1} << 30;  // of a compressed table
inline constexpr std::size_t kTableColumns = 16'384;
inline constexpr std::size_t kTableRows = 100'000'000;
inline constexpr std::size_t kCellBytes = std::size_t{1} << 20;

inline constexpr std::size_t kClasses = 4'096;

inline constexpr std::size_t kHeaderBytes = std::size_t{8} << 10;
inline constexpr std::size_t kBodyBytes = std::size_t{4} << 20;
inline constexpr std::size_t kHeldBytes = std::size_t{64} << 20;  // requests and answers under way
inline constexpr std::size_t kRowsPerRequest = 100'000;

inline constexpr std::size_t kLogBytes = std::size_t{256} << 10;  // lines that wait to be written

inline constexpr std::size_t kRecordsBytes = std::size_t{256} << 20;  // a run's records, whole
inline constexpr std::size_t kRecordBytes = std::size_t{1} << 20;     // one record, one line
inline constexpr std::size_t kRecordItems = 1'000;                    // a list in a record

}  // namespace iris::limits
