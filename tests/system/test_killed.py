# SPDX-License-Identifier: BSD-3-Clause
"""Runs whose coordinator or nursery is killed, and that are resumed. Some moments in every test run,
more with BATCHRUN_LONG=1."""
from harness import main
from journal import Story, events
from resuming import LONG, Resuming


class Killed(Resuming):
    def test_killed_anywhere(self):
        reference = self.reference()
        points = range(1, 520, 7 if LONG else 29)
        for i, point in enumerate(points):
            whom = "nursery" if i % 3 == 2 else "coordinator"
            with self.subTest(point=point, whom=whom):
                how = ["--journal=group", "--journal=batch", "--journal=unsynced"][i // 2 % 3]
                self.kill_after(point, whom, how)
                if i % 2:
                    self.kill_after(40, "coordinator", "--resume", "--journal=batch")
                self.check_resumed("--workers", str(1 + i % 4))
                self.assertEqual(self.results(), reference)
                self.start_over()

    def test_killed_again_and_again(self):
        reference = self.reference()
        kills = 0
        while kills < 100:
            self.kill_after(25, "coordinator", "--resume", "--journal=batch")
            kills += 1
            story = Story(self.path("job.run/journal"))
            self.assertEqual(story.twice, [])
            if list(events(self.path("job.run/journal")))[-1]["event"] == "run_end":
                break
        self.assertGreater(kills, 3)
        self.check_resumed()
        self.assertEqual(self.results(), reference)


if __name__ == "__main__":
    main()
