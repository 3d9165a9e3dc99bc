#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checker of the chaos test: compares what is on record with what really happened.

    judge.py DIRECTORY

It shares no code with Corral or with what drives it, and believes nobody but the witness. In the directory are

    witness   what the tasks did, told by themselves (witness.c)
    calls     what clients asked and what they were told (JSON, one a line, in the order of time):
              {call, method, parameters}, then {call, reply}, {call, error} or, when the agent has gone, {call, cut}
    faults    what was killed, by whom it was owned, as {what, ...} (JSON, one a line; faults.py); a power cut with
              {running}: the attempts, as [job, task, attempt], that were on record as running
    answers   what the agent says in the end: its status, and each job with tasks, attempts, history and output
    looks     what was left on the machine whenever everything was over (look.py; JSON, one a line)

What is wrong is printed, one a line, beginning with the name of the judgement. The exit status is 1 then.

How a death between the last line of a witness and its end is judged. Who writes "exit 7" and is killed before it
exits has died of the signal, and that is what must be on record. So an end that was told may be recorded as a signal,
but only when the driver killed that very task, or when a cancel, a requeue or a run-time limit stopped it. The other
way round there is no doubt: a number that the witness did not tell is invented.
"""
import collections
import json
import os
import re
import sys

OVER = ("finished", "failed", "canceled")
STATUSES = OVER + ("notSubmitted", "queued", "running", "canceling")
# Causes of an attempt that somebody asked for, and the methods that ask.
STOPS = {
    "jobCanceled": ("CancelJobs",),
    "taskCanceled": ("CancelTasks",),
    "requeued": ("RequeueJobs", "RequeueTasks"),
    "jobRunTime": (),
    "taskRunTime": (),
}
RETRIES = 3  # after restarts of the machine, by default
SIGKILL, SIGTERM = 9, 15
LINE = re.compile(r"(\d+)\.(\d+)\.(\d+) (start|overlap|exit|signal) (\d+)\n")
MAKING = {"QueueJob": "job", "AddJob": "job", "QueueJobs": "jobs"}


class Witnessed:
    """What an attempt told of itself."""

    def __init__(self):
        self.starts, self.overlaps, self.ends = [], [], []

    @property
    def end(self):
        """("exit" or "signal", number), or None when it told no end."""
        return self.ends[0] if self.ends else None


class Call:
    """A call of a client. reply: None when it was refused or cut off."""

    def __init__(self, position, method, parameters):
        self.sent, self.method, self.parameters = position, method, parameters
        self.answered, self.reply, self.error = None, None, None

    def results(self):
        """The elements that were granted, of a call with results."""
        return [result for result in (self.reply or {}).get("results", []) if result.get("error") is None]


def lines_of(path):
    """The values of a file of JSON lines; a file that is not there is empty."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Evidence:
    """Everything that was collected, indexed."""

    def __init__(self, directory):
        self.odd = []
        self.witness = collections.defaultdict(Witnessed)
        self.order = []  # attempts as they started
        self.read_witness(os.path.join(directory, "witness"))
        self.calls = {}
        self.read_calls(os.path.join(directory, "calls"))
        self.faults = lines_of(os.path.join(directory, "faults"))
        self.reapers, self.tasks = collections.defaultdict(list), collections.Counter()
        self.cut = set()  # attempts that ran when the power went
        for fault in self.faults:
            if fault["what"] == "reaper":
                self.reapers[tuple(fault["attempt"])].append(fault)
            elif fault["what"] == "task":
                self.tasks[tuple(fault["attempt"])] += 1
            elif fault["what"] == "power cut":
                self.cut |= set(map(tuple, fault["running"]))
        with open(os.path.join(directory, "answers"), encoding="utf-8") as file:
            answers = json.load(file)
        self.status, self.jobs = answers["status"], {job["job"]["id"]: job for job in answers["jobs"]}
        self.looks = lines_of(os.path.join(directory, "looks"))

    def read_witness(self, path):
        """The lines of the tasks."""
        if not os.path.exists(path):
            return
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                match = LINE.fullmatch(line)
                if not match:
                    self.odd.append(line)
                    continue
                key, word, number = tuple(map(int, match.group(1, 2, 3))), match[4], int(match[5])
                seen = self.witness[key]
                if word == "start":
                    seen.starts.append(number)
                    self.order.append(key)
                elif word == "overlap":
                    seen.overlaps.append(number)
                else:
                    seen.ends.append((word, number))

    def read_calls(self, path):
        """The calls by their numbers."""
        for position, entry in enumerate(lines_of(path)):
            if "method" in entry:
                self.calls[entry["call"]] = Call(position, entry["method"], entry["parameters"])
            else:
                call = self.calls[entry["call"]]
                call.answered, call.reply, call.error = position, entry.get("reply"), entry.get("error")

    def by_method(self, *methods):
        """The calls of some methods in order."""
        return [call for call in self.calls.values() if call.method in methods]


def jobs_named(call):
    """The jobs that a call names, each with the task or None."""
    if call.method in MAKING:
        return []
    if "tasks" in call.parameters:
        return [(task["job"], task["task"]) for task in call.parameters["tasks"]]
    return [(job, None) for job in call.parameters.get("jobs", [])]


class Judge:
    """Complains. Each method with the name judge_... is one group of judgements.

    settled: whether everything should be over.
    """

    def __init__(self, evidence, settled=True):
        self.evidence, self.settled = evidence, settled
        self.complaints = []
        self.causes = collections.Counter()
        self.named = collections.defaultdict(list)  # job -> calls that name it, with the task
        for call in evidence.calls.values():
            for job, task in jobs_named(call):
                self.named[job].append((call, task))
        self.made = {}  # name -> spec of every job that was ever sent
        for call in evidence.by_method(*MAKING):
            for spec in self.specs(call):
                self.made[spec["name"]] = spec

    @staticmethod
    def specs(call):
        """What a call that makes jobs asks for."""
        asked = call.parameters[MAKING[call.method]]
        return asked if isinstance(asked, list) else [asked]

    def complain(self, judgement, what):
        """Notes what is wrong."""
        self.complaints.append(f"{judgement}: {what}")

    def run(self):
        """All judgements. Returns the complaints."""
        for name in sorted(dir(self)):
            if name.startswith("judge_"):
                getattr(self, name)()
        return self.complaints

    # -- the witness --

    def judge_witness(self):
        """Nothing ran twice, and nothing ran that is not on record."""
        for line in self.evidence.odd:
            self.complain("witness-odd", repr(line))
        recorded = {
            (job, attempt["task"], attempt["attempt"])
            for job, entry in self.evidence.jobs.items()
            for attempt in entry["attempts"]
        }
        for key, seen in self.evidence.witness.items():
            if len(seen.starts) > 1:
                self.complain("started-twice", f"{key} {seen.starts}")
            if seen.overlaps:
                self.complain("overlap", f"{key} ran beside another attempt of its task")
            if len(seen.ends) > 1 or (seen.ends and not seen.starts):
                self.complain("witness-odd", f"{key} {seen.starts} {seen.ends}")
            if key not in recorded:
                self.complain("not-on-record", f"{key} ran")
        newest = {}
        for job, task, attempt in self.evidence.order:
            if attempt < newest.get((job, task), 0):
                self.complain("out-of-order", f"{job}.{task}: {attempt} after {newest[job, task]}")
            newest[job, task] = attempt

    # -- calls --

    def judge_submissions(self):
        """What was acknowledged is on record; what is on record was asked for."""
        for call in self.evidence.by_method(*MAKING):
            if call.reply is None:
                continue
            ids = call.reply["ids"] if "ids" in call.reply else [call.reply["id"]]
            if len(ids) != len(self.specs(call)):
                self.complain("submission-lost", f"{len(self.specs(call))} asked, {len(ids)} acknowledged")
            for number, spec in zip(ids, self.specs(call)):
                entry = self.evidence.jobs.get(number)
                if not entry or entry["job"]["name"] != spec["name"] or len(entry["tasks"]) < len(spec["tasks"]):
                    self.complain("submission-lost", f"job {number}, {spec['name']}")
        names = collections.Counter(entry["job"]["name"] for entry in self.evidence.jobs.values())
        for name, count in names.items():
            if name not in self.made:
                self.complain("job-invented", name)
            elif count > 1:
                self.complain("job-invented", f"{name}: {count} times")

    def others_before(self, job, call, methods):
        """Whether all calls of these methods that name the job were answered before this one was sent."""
        return all(
            other is call or other.method not in methods or (other.answered or 1e99) < call.sent
            for other, _ in self.named[job]
        )

    def judge_cancels(self):
        """A cancel that was granted, with no requeue at the same time or later, is how the job or the task ends."""
        requeues = ("RequeueJobs", "RequeueTasks")
        for call in self.evidence.by_method("CancelJobs", "CancelTasks"):
            for result in call.results():
                job, task = result["job"], result["task"]
                entry = self.evidence.jobs.get(job)
                if not entry or not self.others_before(job, call, requeues):
                    continue
                if result["status"] not in ("canceled", "canceling"):
                    continue  # it ended by itself before that
                now = entry["job"] if task is None else entry["tasks"][task - 1]
                if not self.settled and result["status"] == now["status"] == "canceling":
                    continue
                if task is None and entry["job"]["status"] != "canceled":
                    self.complain("cancel-lost", f"job {job} is {entry['job']['status']}")
                elif task is None and entry["job"]["cause"] != "jobRunTime":
                    messages = [
                        other.parameters.get("message")
                        for other, _ in self.named[job]
                        if other.method == "CancelJobs" and other.error is None
                    ]
                    if entry["job"]["cancelMessage"] not in messages:
                        self.complain("cancel-lost", f"job {job}: message {entry['job']['cancelMessage']}")
                elif task is not None and not self.is_canceled(entry["tasks"][task - 1], result):
                    self.complain("cancel-lost", f"task {job}.{task} is {entry['tasks'][task - 1]['status']}")

    @staticmethod
    def is_canceled(task, result):
        """Whether a task is canceled. Where that was only begun, something else may have ended it before."""
        others = ("exited", "signaled", "taskRunTime", "jobRunTime", "jobCanceled")
        return task["status"] == "canceled" or (result["status"] == "canceling" and task["cause"] in others)

    def judge_requeues(self):
        """Each requeue of a job that took effect is a run of its own, and there are no others: the first run is that
        of the submission, or of the requeue of a job that was canceled before."""
        queued_at_once = {
            number
            for call in self.evidence.by_method("QueueJob", "QueueJobs")
            for number in (call.reply or {}).get("ids", [(call.reply or {}).get("id")])
        }
        for job, entry in self.evidence.jobs.items():
            sent = [(call, task) for call, task in self.named[job] if call.method.startswith("Requeue")]
            granted = [
                result
                for call, _ in sent
                for result in call.results()
                if result["job"] == job and result["task"] is None and result["status"] in ("queued", "running")
            ]
            runs = entry["job"]["runs"] or 0
            if runs > 1 + len(sent) or runs < len(granted) + (job in queued_at_once):
                self.complain("requeue-lost", f"job {job}: {runs} runs, {len(sent)} asked for, {len(granted)} granted")

    # -- records --

    def judge_jobs(self):
        """Everything is over, and the parts agree."""
        for job, entry in self.evidence.jobs.items():
            parts = [entry["job"]] + entry["tasks"] + entry["attempts"]
            for part in parts:
                if self.settled and part["status"] not in OVER:
                    self.complain("not-over", f"job {job}: {part}")
                if part["status"] in OVER and part["endTime"] is None:
                    self.complain("records-disagree", f"job {job}: no end time: {part}")
            counts = collections.Counter(task["status"] for task in entry["tasks"])
            if any(entry["job"]["tasks"][status] != counts[status] for status in STATUSES):
                self.complain("totals", f"job {job}: {entry['job']['tasks']} but {dict(counts)}")
            if entry["job"]["status"] == "finished" and counts["failed"]:
                self.complain("records-disagree", f"job {job} is finished with {dict(counts)}")
            for task in entry["tasks"]:
                mine = [attempt for attempt in entry["attempts"] if attempt["task"] == task["id"]]
                self.look_at_task(job, task, mine)
            self.look_at_history(job, entry)

    def look_at_task(self, job, task, attempts):
        """A task agrees with its attempts, and a finished one does not run again."""
        numbers = [attempt["attempt"] for attempt in attempts]
        if numbers != list(range(1, task["attempt"] + 1)):
            self.complain("records-disagree", f"{job}.{task['id']}: attempts {numbers} of {task['attempt']}")
        statuses = [attempt["status"] for attempt in attempts]
        if "finished" in statuses[:-1]:
            self.complain("ran-after-finished", f"{job}.{task['id']}: {statuses}")
        if task["status"] == "finished" and (statuses[-1:] != ["finished"] or task["exitCode"] != 0):
            self.complain("records-disagree", f"{task} but {statuses}")
        last = attempts[-1] if attempts else {"exitCode": None, "signal": None}
        if task["exitCode"] not in (None, last["exitCode"]) or task["signal"] not in (None, last["signal"]):
            self.complain("exit-invented", f"{task} but {last}")

    def look_at_history(self, job, entry):
        """Each transition begins where the one before ended, and the last one ends at the present status."""
        last, sequence = {}, 0
        for line in entry["history"]:
            if line["seq"] <= sequence or line["from"] != last.get(line["task"]):
                self.complain("history", f"job {job}: {line} after {last.get(line['task'])}")
            sequence = line["seq"]
            last[line["task"]] = line["to"]
        now = {None: entry["job"]["status"], **{task["id"]: task["status"] for task in entry["tasks"]}}
        if last != now:
            self.complain("history", f"job {job}: ends with {last}, but it is {now}")

    def judge_totals(self):
        """The counters of the agent agree with what it has on record."""
        jobs = collections.Counter(entry["job"]["status"] for entry in self.evidence.jobs.values())
        tasks = collections.Counter(task["status"] for entry in self.evidence.jobs.values() for task in entry["tasks"])
        for name, counts in (("jobs", jobs), ("tasks", tasks)):
            told = self.evidence.status[name]
            if told["total"] != sum(counts.values()) or any(told[status] != counts[status] for status in STATUSES):
                self.complain("totals", f"{name}: {told} but {dict(counts)}")
        if self.settled and self.evidence.status["slotsInUse"] != 0:
            self.complain("totals", f"{self.evidence.status['slotsInUse']} slots are in use")

    # -- attempts --

    def judge_attempts(self):
        """The end of each attempt."""
        for job, entry in self.evidence.jobs.items():
            for attempt in entry["attempts"]:
                key = job, attempt["task"], attempt["attempt"]
                if not self.settled and attempt["status"] not in OVER:
                    continue
                self.causes[attempt["cause"]] += 1
                seen = self.evidence.witness.get(key, Witnessed())
                reapers = self.evidence.reapers[(job, attempt["run"]) + key[1:]]
                self.look_at_numbers(key, attempt, seen)
                self.look_at_reapers(key, attempt, seen, reapers)
                self.look_at_cause(key, attempt, seen, entry)
                self.look_at_cut(key, attempt, entry)
                self.look_at_output(key, attempt, entry)

    def look_at_numbers(self, key, attempt, seen):
        """Every number on record is what the witness told, or is explained."""
        code, signal, status = attempt["exitCode"], attempt["signal"], attempt["waitStatus"]
        if (status is None) != (code is None and signal is None) or (code is not None and signal is not None):
            self.complain("records-disagree", f"{key}: {code} {signal} {status}")
        elif status is not None and status & ~0x80 != (code << 8 if code is not None else signal):
            self.complain("records-disagree", f"{key}: {code} {signal} {status}")
        if code is not None and seen.end != ("exit", code):
            self.complain("exit-invented", f"{key}: exit code {code}, cause {attempt['cause']}, told: {seen.end}")
        if signal is not None and seen.end != ("signal", signal):
            killed = signal == SIGKILL and self.evidence.tasks[key] > 0
            stopped = signal in (SIGKILL, SIGTERM) and attempt["cause"] in STOPS
            if not killed and not stopped:
                self.complain("signal-invented", f"{key}: {signal}, cause {attempt['cause']}, told: {seen.end}")

    def look_at_reapers(self, key, attempt, seen, reapers):
        """A killed reaper is the only reason not to know the end of what has run."""
        known = attempt["waitStatus"] is not None
        if attempt["cause"] == "lost" and not reapers:
            self.complain("lost-without-kill", f"{key}, told: {seen.end}")
        elif seen.starts and not known and not reapers and key not in self.evidence.cut:
            self.complain("exit-lost", f"{key}: cause {attempt['cause']}, told: {seen.end}")
        if known and any(fault["certain"] for fault in reapers):
            self.complain("killed-reaper-number", f"{key}: {attempt['exitCode']} {attempt['signal']}")

    def look_at_cause(self, key, attempt, seen, entry):
        """The cause says what happened."""
        cause, status = attempt["cause"], attempt["status"]
        if cause == "exited":
            if attempt["exitCode"] is None or status != ("failed" if attempt["exitCode"] else "finished"):
                self.complain("records-disagree", f"{key}: {attempt}")
        elif cause == "signaled":
            if attempt["signal"] is None or status != "failed":
                self.complain("records-disagree", f"{key}: {attempt}")
        elif cause in STOPS:
            if not self.was_asked_for(key, cause, entry):
                self.complain("stopped-by-nobody", f"{key}: {cause}")
        elif cause == "systemError" and status == "canceled":
            if seen.starts or attempt["startTime"] is not None:
                self.complain("ran-and-never-launched", f"{key}")
        elif cause not in ("lost", "hostRestarted"):
            self.complain("failed-to-launch", f"{key}: {cause}, {attempt['errorMessage']}")

    def look_at_cut(self, key, attempt, entry):
        """What ran when the power went has an end that nobody knows, and its task runs again if it may."""
        cut, restarted = key in self.evidence.cut, attempt["cause"] == "hostRestarted"
        if cut and attempt["waitStatus"] is not None:
            self.complain("known-after-cut", f"{key}: {attempt['waitStatus']}, cause {attempt['cause']}")
        if cut and not restarted and attempt["cause"] not in STOPS:
            self.complain("cut-hidden", f"{key}: {attempt['cause']}")
        if restarted and (not cut or attempt["status"] != "failed"):
            self.complain("restart-invented", f"{key}: {attempt}")
        task = next((task for task in entry["tasks"] if task["id"] == key[1]), None)
        if not restarted or not task or key[2] != task["attempt"]:
            return
        tries = sum(other["cause"] == "hostRestarted" and other["run"] == attempt["run"] and other["task"] == key[1]
                    for other in entry["attempts"])
        given_up = task["status"] == "failed" and task["cause"] == "hostRestarted"
        if given_up == (task["rerunnable"] and tries <= RETRIES):
            self.complain("retry-wrong", f"{key}: {task['status']}, {task['cause']} after {tries} restarts")

    def was_asked_for(self, key, cause, entry):
        """Whether somebody wanted this attempt to be stopped."""
        job, task, _ = key
        spec = self.made.get(entry["job"]["name"], {"tasks": []})
        if cause == "jobRunTime":
            return spec.get("runTimeLimit") is not None
        if cause == "taskRunTime":
            return task <= len(spec["tasks"]) and spec["tasks"][task - 1].get("runTimeLimit") is not None
        return any(call.method in STOPS[cause] and named in (None, task) for call, named in self.named[job])

    def look_at_output(self, key, attempt, entry):
        """What was kept is what this attempt wrote, and as much as its record says."""
        if entry["output"] is None:  # nobody asked
            return
        kept = entry["output"].get(f"{attempt['task']}.{attempt['attempt']}")
        if attempt["stdoutSize"] and len(kept or "") != attempt["stdoutSize"]:
            self.complain("output-lost", f"{key}: {kept!r}, but {attempt['stdoutSize']} bytes were kept")
        line = ".".join(map(str, key)) + "\n"
        if kept is not None and not line.startswith(kept):
            self.complain("output-mixed", f"{key}: {kept!r}")

    # -- what is left --

    def judge_leftovers(self):
        """Whenever all was over, nothing was left behind."""
        known = {
            f"{job}.{attempt['run']}.{attempt['task']}.{attempt['attempt']}"
            for job, entry in self.evidence.jobs.items()
            for attempt in entry["attempts"]
        }
        if not self.evidence.looks:
            self.complain("not-looked", "nobody looked at what is left")
        for look in self.evidence.looks:
            for what, found in (
                ("process-left", look["processes"]),
                ("cgroup-left", look["cgroups"]),
                ("frozen-left", look["frozen"]),
                ("reaper-left", look["reapers"]),
                ("file-left", look["files"]),
                ("output-left", [name for name in look["outputs"] if name.rpartition(".")[0] not in known]),
            ):
                if found:
                    self.complain(what, f"{look['when']}: {found}")
            for process, count in look["descriptors"].items():
                if count > self.evidence.looks[0]["descriptors"][process]:
                    self.complain("descriptors-grew", f"{look['when']}: {process} from "
                                  f"{self.evidence.looks[0]['descriptors'][process]} to {count}")

    def judge_deaths(self):
        """Agent and launcher end when they are killed; without room they may end in order, nothing else."""
        for fault in self.evidence.faults:
            if fault["what"] == "ended" and not (fault["status"] == 1 and fault["short"]):
                self.complain("ended-by-itself", f"{fault}")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: judge.py DIRECTORY")
    evidence = Evidence(sys.argv[1])
    judge = Judge(evidence)
    complaints = judge.run()
    for complaint in complaints[:200]:
        print(complaint)
    if len(complaints) > 200:
        print(f"... and {len(complaints) - 200} more")
    kinds = collections.Counter(complaint.partition(":")[0] for complaint in complaints)
    faults = collections.Counter(fault["what"] for fault in evidence.faults)
    print(f"jobs {len(evidence.jobs)}, starts {len(evidence.order)}, attempts by cause {dict(judge.causes)}")
    print(f"calls {len(evidence.calls)}, faults {dict(faults)}, looks {len(evidence.looks)}")
    print(f"complaints {dict(kinds) if kinds else 'none'}")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
