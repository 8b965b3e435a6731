// The pool's memory: pieces never overlap, what is given back is used again, and nothing is kept beyond what
// a run needs.
#include "core/exec/buffer_pool.h"
#include "core/exec/region_heap.h"
#include "tests/support/test_case.h"

#include <cstring>
#include <random>

using namespace halfstep;

namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

struct Held {
  std::byte* memory = nullptr;
  std::size_t bytes = 0;
  std::byte mark{};
};

bool isIntact(const Held& held) {
  return std::all_of(held.memory, held.memory + held.bytes, [&](std::byte b) { return b == held.mark; });
}

} // namespace

class BufferPoolTest : public test::TestCase {
  Q_OBJECT
private slots:
  void piecesDoNotOverlap() {
    RegionHeap heap;
    std::mt19937 random(1);
    std::vector<Held> held;
    for (int i = 0; i < 3000; ++i) {
      if (held.size() > 40 || (!held.empty() && random() % 2 == 0)) {
        std::swap(held[random() % held.size()], held.back());
        QVERIFY(isIntact(held.back()));
        heap.giveBack(held.back().memory);
        held.pop_back();
        continue;
      }
      const std::size_t bytes = 1 + random() % (random() % 8 == 0 ? 5 * kMegabyte : kMegabyte / 16);
      std::byte* memory = heap.cut(bytes);
      memory = memory != nullptr ? memory : heap.cutFromNew(bytes);
      QVERIFY(memory != nullptr);
      QCOMPARE(reinterpret_cast<std::uintptr_t>(memory) % 64, std::uintptr_t{0});
      held.push_back({memory, bytes, static_cast<std::byte>(i)});
      std::memset(memory, i & 255, bytes);
    }
    for (const Held& one : held) {
      QVERIFY(isIntact(one));
      heap.giveBack(one.memory);
    }
    QVERIFY(heap.mappedBytes() > 0);
    heap.shrinkTo(0); // everything was joined again, so every region can go
    QCOMPARE(heap.mappedBytes(), std::size_t{0});
  }

  void neighboursJoin() {
    RegionHeap heap;
    std::byte* whole = heap.cutFromNew(12 * kMegabyte);
    heap.giveBack(whole);
    std::byte* first = heap.cut(4 * kMegabyte);
    std::byte* second = heap.cut(4 * kMegabyte);
    std::byte* third = heap.cut(4 * kMegabyte);
    QVERIFY(first != nullptr && second != nullptr && third != nullptr);
    QVERIFY(heap.cut(64) == nullptr);
    heap.giveBack(first);
    heap.giveBack(third);
    QVERIFY(heap.cut(5 * kMegabyte) == nullptr); // they do not touch
    heap.giveBack(second);
    QCOMPARE(heap.cut(12 * kMegabyte), whole);
    heap.giveBack(whole);
  }

  void aRunLikeTheLastTakesTheSameMemory() {
    const auto pool = std::make_shared<BufferPool>();
    const auto run = [&] {
      std::vector<std::byte*> places;
      std::shared_ptr<std::byte> before = pool->take(60 * kMegabyte);
      for (const std::size_t size : {50 * kMegabyte, 30 * kMegabyte, 2 * kMegabyte, std::size_t{1000}}) {
        std::shared_ptr<std::byte> next = pool->take(size);
        places.push_back(next.get());
        before = std::move(next); // the one before goes back
      }
      return places;
    };
    run();
    const auto places = run();
    for (int i = 0; i < 3; ++i) {
      QVERIFY(run() == places);
    }
    pool->close();
  }

  void memoryOutlivesThePoolsOwner() {
    auto pool = std::make_shared<BufferPool>();
    const std::shared_ptr<std::byte> large = pool->take(3 * kMegabyte);
    const std::shared_ptr<std::byte> small = pool->take(100);
    pool->close();
    pool.reset();
    std::memset(large.get(), 1, 3 * kMegabyte);
    std::memset(small.get(), 1, 100);
  }

  void tooMuchIsRefused() {
    const auto pool = std::make_shared<BufferPool>();
    QVERIFY(pool->take(std::size_t{1} << 60) == nullptr);
    QVERIFY(pool->take(kMegabyte) != nullptr);
    pool->close();
  }
};

QTEST_GUILESS_MAIN(BufferPoolTest)
#include "tst_buffer_pool.moc"
