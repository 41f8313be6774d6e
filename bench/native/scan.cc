// The kernel's work in C++: libsnappy, the same walk over the protobuf, a 128-bit-multiply hash for each label.
// Prints nanoseconds per push, one line per round, so that bench/kernel.ts can interleave it with the others.
#include <snappy.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

struct Record {
  uint32_t offset, length;
  uint64_t hash, metric;
  uint32_t labels, longest_name, longest_value, samples;
};

static inline uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t product = static_cast<__uint128_t>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

static inline uint64_t hash_bytes(const uint8_t* p, size_t n) {
  uint64_t h = 0x9e3779b97f4a7c15ull ^ n, w;
  while (n >= 8) {
    memcpy(&w, p, 8);
    h = mix(h ^ w, 0xa0761d6478bd642full);
    p += 8;
    n -= 8;
  }
  if (n > 0) {
    w = 0;
    memcpy(&w, p, n);
    h = mix(h ^ w, 0xe7037ed1a0b428dbull);
  }
  return h;
}

static inline bool varint(const uint8_t*& p, const uint8_t* end, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 70 && p < end; shift += 7) {
    uint8_t byte = *p++;
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

static bool scan(const uint8_t* p, const uint8_t* end, std::vector<Record>& records) {
  const uint8_t* body = p;
  records.clear();
  while (p < end) {
    const uint8_t* start = p;
    uint64_t tag, length;
    if (!varint(p, end, tag) || !varint(p, end, length) || length > static_cast<uint64_t>(end - p)) return false;
    const uint8_t* series_end = p + length;
    if (tag != 0x0a) {
      p = series_end;
      continue;
    }
    Record r{static_cast<uint32_t>(start - body), static_cast<uint32_t>(series_end - start), 0, 0, 0, 0, 0, 0};
    while (p < series_end) {
      if (!varint(p, series_end, tag) || !varint(p, series_end, length) ||
          length > static_cast<uint64_t>(series_end - p))
        return false;
      const uint8_t* field_end = p + length;
      if (tag == 0x12) r.samples++;
      if (tag != 0x0a) {
        p = field_end;
        continue;
      }
      const uint8_t* part[2] = {p, p};
      uint64_t part_length[2] = {0, 0};
      while (p < field_end) {
        if (!varint(p, field_end, tag) || !varint(p, field_end, length) ||
            length > static_cast<uint64_t>(field_end - p))
          return false;
        int which = tag == 0x12;
        part[which] = p;
        part_length[which] = length;
        p += length;
      }
      uint64_t name = hash_bytes(part[0], part_length[0]), value = hash_bytes(part[1], part_length[1]);
      r.hash += mix(name * 0x9fb21c651e98df25ull, value ^ 0x589965cc75374cc3ull);
      if (part_length[0] == 8 && memcmp(part[0], "__name__", 8) == 0) r.metric = value;
      r.labels++;
      if (part_length[0] > r.longest_name) r.longest_name = part_length[0];
      if (part_length[1] > r.longest_value) r.longest_value = part_length[1];
    }
    records.push_back(r);
  }
  return true;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  std::string compressed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  int rounds = atoi(argv[2]), pushes = atoi(argv[3]);
  std::string plain;
  std::vector<Record> records;
  uint64_t sink = 0;
  for (int round = -1; round < rounds; round++) {
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < pushes; i++) {
      if (!snappy::Uncompress(compressed.data(), compressed.size(), &plain)) return 1;
      const uint8_t* p = reinterpret_cast<const uint8_t*>(plain.data());
      if (!scan(p, p + plain.size(), records)) return 1;
      sink += records.back().hash;
    }
    std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    if (round >= 0) printf("%f %zu\n", spent.count() / pushes, records.size());
  }
  fprintf(stderr, "%llu\n", static_cast<unsigned long long>(sink));
}
