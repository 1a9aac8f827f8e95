/**
 * What the suites of other libraries say, behaviour by behaviour in our words, each beside the rows of our tables that say it too, or
 * beside the reason why it is not for us. Only data, and the two pages that are made of it; `table.test.ts` looks whether every row
 * is there.
 *
 * A row is named by its area and its title: `breaker: a trial that succeeds closes it`. The number at the end is how many of their
 * tests say the same; 1 where there is none.
 */
export type Library = "cockatiel" | "opossum" | "resilience4j" | "Polly"

/** Why a behaviour has no row. */
export const reasons = {
  decided: "decided otherwise; where we do something else instead, the row says what",
  language: "the language or the platform has it: promises, signals, classes, types",
  inside: "about the inside of that library: its fields, its buckets, its context objects",
  client: "a client of another system: Prometheus, Hystrix, Redis",
  gone: "an old name, or a test that checks nothing"
} as const
export type Reason = keyof typeof reasons

/** Not for us; `instead`: what we do. */
interface Not {
  readonly not: Reason
  readonly instead?: ReadonlyArray<string>
}
type Line = readonly [behaviour: string, by: ReadonlyArray<string> | Not, tests?: number]

export interface Entry {
  readonly library: Library
  readonly suite: string
  readonly behaviour: string
  /** Our rows. */
  readonly rows: ReadonlyArray<string>
  readonly not: Reason | undefined
  readonly tests: number
}

const decided = (...instead: ReadonlyArray<string>): Not => ({ not: "decided", instead })
const language: Not = { not: "language" }
const inside: Not = { not: "inside" }
const client: Not = { not: "client" }
const gone: Not = { not: "gone" }

// rows that many of theirs have in common
const wrongBreaker =
  "breaker: an impossible policy is refused when the breaker is made, with the setting and what is allowed"
const callTold = "breaker: every call is told with how it ended and how long it took"
const changeTold = "breaker: every change is told once, with why, when, and until when"
const numbers = "breaker: numbers say what happened: calls, ends, rates, since when, until when"
const trialCloses = "breaker: a trial that succeeds closes it"
const trialOpens = "breaker: a trial that fails opens it again, for a full period"
const oneTrial = "breaker: one trial at a time: others are refused at once, not kept waiting"
const manyTrials = "breaker: as many trials at once as the policy says"
const byTag = "alone: every error of a policy says by its tag which one it was"
const noTimer = "breaker: it says open until somebody calls: it keeps no timer and no process alive"
const answersFor = "breaker: it answers for what fails and for what is refused, and is told the error"
const listens = "breaker: a listener that throws harms neither the call nor the other listeners"
const heardNoMore = "breaker: who no longer listens is told nothing"
const minimum = "breaker: no rate opens it before the minimum of calls"
const goesOn = "breaker: failures and windows go on where they were"
const stillOpen = "breaker: an open breaker is still open in another process, until its time"
const kept = "alone: what is known is given again, and nothing is called"
const shares = "alone: who asks for the same while a call is out shares its answer"
const rateTold =
  "rate-limit: each call is told: done, failed, or refused without being made, with how long it waited and took"
const hedges = "failover: begins when the first has not answered in time, and the first good answer is taken"
const ownSignal = "failover: has the same key and attempt, its own signal, and its own name"

const suites: Readonly<Record<Library, Readonly<Record<string, ReadonlyArray<Line>>>>> = {
  cockatiel: {
    "BulkheadPolicy.test.ts": [
      ["refuses calls above the bound", ["bulkhead: without a queue nobody waits"]],
      [
        "queues calls, and refuses those above the bound of the queue",
        [
          "bulkhead: never more than allowed, the others wait and begin in order, as places become free",
          "bulkhead: one more than it holds is refused at once, and nothing is called"
        ]
      ],
      [
        "says how many places are free, inside and in the queue",
        ["bulkhead: numbers say how many are inside, wait, and were refused, call by call"]
      ],
      [
        "passes the signal on; who has given up, before or in the queue, is not called",
        [
          "bulkhead: the function is given the signal of its caller",
          "bulkhead: what is given up before it asks takes nothing",
          "bulkhead: who gives up leaves the queue, and takes no place later"
        ]
      ]
    ],
    "CachePolicy.test.ts": [
      [
        "asks its store first, keeps what was called, and calls once for a key",
        [kept, "alone: answers may be kept in a store of your own, that answers at once or later"]
      ]
    ],
    "CircuitBreakerPolicy.test.ts": [
      ["a closed one lets calls pass", ["breaker: calls pass, and their results come back"]],
      [
        "opens after failures, tells it once, refuses, and knows the last failure",
        [
          "breaker: it opens with the last failure that is allowed, not before",
          "breaker: a refusal carries the last failure as its cause, for those who look into it",
          changeTold
        ]
      ],
      ["closes when the trial succeeds, and tells both changes", [trialCloses, changeTold]],
      [
        "open periods may come from a list or a strategy",
        [
          "breaker: a list of periods is a function of how often it has opened; a breaker that was closed begins with the first again"
        ]
      ],
      [
        "closing begins the open periods anew; the strategy is told how often it has opened, and what failed",
        [
          "breaker: a breaker that was closed begins with the first period again",
          "breaker: code may say it, told how often it has opened and what failed"
        ]
      ],
      ["calls during a trial wait for how it ends, and pass when it succeeds", decided(oneTrial)],
      ["calls during a trial wait for how it ends, and are refused when it fails", decided(oneTrial)],
      ["opens again when the trial fails", [trialOpens]],
      [
        "may be isolated by hand, by several; the last one lets go",
        [
          "breaker: forced open, nothing passes until it is released, however long that takes",
          "breaker: of several who hold it, the last one releases it, and each only once"
        ]
      ],
      [
        "passes the signal of the caller on",
        ["breaker: the function is given the signal of its caller, or one that is never aborted"]
      ],
      [
        "a call that was given up while it waited for a trial is not made",
        ["breaker: what is given up before it begins is not called, and takes no place of a trial"]
      ]
    ],
    "FallbackPolicy.test.ts": [
      ["what succeeds needs none", ["alone: what succeeds needs none"]],
      [
        "gives its value for what failed, and tells the failure",
        [
          "alone: a value stands in for what failed, thrown at once or later, and may be anything",
          "alone: each answer is told with what it stands in for, and the failure before it"
        ]
      ],
      ["passes the signal of the caller on", ["alone: the function is given the signal of its caller"]]
    ],
    "Policy.test.ts": [
      [
        "policies wrap each other: a retry meets the breaker that its failures opened",
        [
          "alone: a retry around a breaker asks it for each attempt, and waits until it lets a trial through",
          "alone: a retry that must not wait for the breaker says so: its refusal comes back at once"
        ]
      ],
      [
        "wrapped policies can be seen, give the function all they know, and keep the type of the answer",
        [
          "alone: the first is outermost, and they can be seen in this order",
          "alone: the function is told its attempt, and by one signal whatever ends it",
          "alone: the type of the answer says what may come",
          "alone: without any, the function is just called"
        ]
      ],
      [
        "errors are told apart by class, and by what stands in them",
        ["alone: code may say which errors, by class or by what stands in them"]
      ],
      [
        "results are told apart in the same way",
        ["alone: a result may be a failure: it is tried again, and the last one comes back all the same"]
      ],
      ["a decorator puts a method behind a policy", language],
      ["a decorated method has the signal of its caller", language]
    ],
    "RateLimiterPolicy.test.ts": [
      ["lets calls within the rate pass", ["rate-limit: a burst at once, then one by one as tokens come"]],
      ["refuses calls above it", ["rate-limit: with no wait at all only what can pass at once does"]],
      [
        "tokens come back with time",
        ["rate-limit: of a bucket: tokens that are there, who passed, waits, and was refused"]
      ],
      [
        "may begin with fewer tokens",
        decided("rate-limit: a new process begins with an empty bucket, because it does not know what was spent")
      ],
      [
        "never has more tokens than the bucket holds",
        ["rate-limit: tokens that nobody takes are kept up to the burst, not beyond"]
      ],
      ["queues calls that are too many, in order", ["rate-limit: a burst at once, then one by one as tokens come"]],
      ["the queue has a bound", ["rate-limit: one more than it holds is refused at once, and told when to come back"]],
      [
        "who gives up in the queue is not called",
        ["rate-limit: who gives up leaves the queue, takes no token, and leaves no timer"]
      ],
      [
        "says how many tokens there are and how many wait",
        ["rate-limit: of a bucket: tokens that are there, who passed, waits, and was refused"]
      ],
      ["a reset fills it and throws out who waits", decided()],
      [
        "a refusal says when to come back",
        ["rate-limit: one more than it holds is refused at once, and told when to come back"]
      ],
      [
        "a refusal says how many wait",
        ["rate-limit: one more than it holds is refused at once, and told when to come back"]
      ],
      ["tells each success, with how long it took", [rateTold]],
      ["tells each failure", [rateTold]],
      ["tells each refusal", [rateTold]],
      ["works with a retry (a placeholder)", gone]
    ],
    "RetryPolicy.test.ts": [
      [
        "keeps the type of the answer, at once or later",
        ["alone: what succeeds is called once, and its value comes back, at once or later"]
      ],
      ["pauses as a list says, with one pause", ["alone: may be a list: when it ends, so do the attempts"]],
      ["pauses as a list says, one by one", ["alone: may be a list: when it ends, so do the attempts"]],
      [
        "tries all errors again",
        ["alone: what fails is called again until it succeeds, and knows which attempt it is"]
      ],
      ["tries only some errors again", ["alone: code may say which errors, by class or by what stands in them"]],
      [
        "tries some results again",
        ["alone: a result may be a failure: it is tried again, and the last one comes back all the same"]
      ],
      ["takes exponential pauses", ["alone: grow to the cap, with the jitter that tasks have"]],
      [
        "gives the last result when all attempts are spent",
        ["alone: a result may be a failure: it is tried again, and the last one comes back all the same"]
      ],
      [
        "gives the last error when all attempts are spent",
        ["alone: when all attempts are spent the last error comes back as it was thrown"]
      ],
      [
        "a pause keeps the process alive",
        ["alone: keep the process alive, unless they are given the time of the background"]
      ],
      [
        "a pause that need not keep the process alive does not",
        ["alone: keep the process alive, unless they are given the time of the background"]
      ],
      [
        "no attempt follows when its caller has given up",
        ["alone: given up during an attempt: it is told, ends as it likes, and no other follows"]
      ],
      [
        "tells when it gives up",
        ["alone: each pause is told with its attempt and its failure, and the end of the attempts with its reason"]
      ],
      [
        "tells which attempt it was before each pause",
        ["alone: each pause is told with its attempt and its failure, and the end of the attempts with its reason"]
      ]
    ],
    "TimeoutPolicy.test.ts": [
      [
        "nothing happens to what is done in time",
        ["alone: what answers in time is as if there were none, and leaves no timer"]
      ],
      [
        "a cooperative one tells the function, and gives what it answers then",
        ["alone: a patient one tells the function, and gives the caller what it answers then, good or bad"]
      ],
      [
        "an aggressive one gives up on the function, and tells it",
        ["alone: when the time is over, and not before, the caller has an error that says so, and the function is told"]
      ],
      [
        "keeps the process alive",
        ["alone: keeps the process alive while it waits, unless it is given the time of the background"]
      ],
      [
        "need not keep the process alive",
        ["alone: keeps the process alive while it waits, unless it is given the time of the background"]
      ],
      [
        "passes the signal of the caller on",
        ["alone: a caller that gives up is passed on to the function, with its reason"]
      ],
      [
        "has its own time beside the signal of the caller",
        ["alone: with a caller that may give up it still has its own time"]
      ],
      [
        "what has answered is told to stop, unless one says otherwise",
        decided("alone: what has answered is not told to stop: a body that is still read may be read to its end")
      ],
      [
        "what has answered is not told to stop where one says so",
        ["alone: what has answered is not told to stop: a body that is still read may be read to its end"]
      ],
      [
        "tells a success, and no timeout, of either kind",
        [
          "alone: what answers in time is as if there were none, and leaves no timer",
          "alone: the end of the time is told once, before the call ends"
        ],
        2
      ],
      [
        "a cooperative one tells the timeout, and the success that comes all the same",
        ["alone: a patient one tells the function, and gives the caller what it answers then, good or bad"]
      ],
      [
        "an aggressive one tells the timeout and the failure",
        ["alone: the end of the time is told once, before the call ends"]
      ],
      ["tells a failure, and no timeout, of either kind", ["alone: an error in time comes back as it was thrown"], 2]
    ],
    "backoff/*.test.ts": [
      [
        "two strategies together: one, the other, the shorter, the longer; the shorter list ends both",
        ["alone: may be a function that is told what failed, and ends the attempts when it gives none"],
        2
      ],
      ["always the same pause", ["retry: fixed: all are the same"]],
      ["a bound of attempts", ["alone: may be a list: when it ends, so do the attempts"]],
      [
        "a function is told what happened and gives the pause",
        ["alone: may be a function that is told what failed, and ends the attempts when it gives none"]
      ],
      [
        "a function that gives nothing ends the attempts",
        ["alone: may be a function that is told what failed, and ends the attempts when it gives none"]
      ],
      ["a function may keep a state of its own", language],
      [
        "exponential up to the longest pause",
        ["alone: grow to the cap, with the jitter that tasks have", "retry: none is longer than the cap"]
      ],
      ["exponential with a bound of attempts", ["retry: the first attempt counts, and no more are made than allowed"]],
      [
        "without, with full, half and decorrelated jitter pauses stay in their bounds",
        [
          "alone: grow to the cap, with the jitter that tasks have",
          "retry: full jitter: anything from nothing to the pause",
          "retry: equal jitter: anything in the second half of the pause",
          "retry: decorrelated: anything from the base to three times the one before"
        ],
        4
      ],
      [
        "decorrelated ones stay numbers after thousands of attempts",
        ["alone: decorrelated ones stay numbers within their bounds, however many there are"]
      ],
      ["pauses from a list", ["alone: may be a list: when it ends, so do the attempts"]]
    ],
    "breaker/ConsecutiveBreaker.test.ts": [
      [
        "opens after so many failures in a row; a success ends the run",
        [
          "breaker: it opens with the last failure that is allowed, not before",
          "breaker: a success ends the run of failures"
        ]
      ],
      ["is taken out and put back in", [goesOn]]
    ],
    "breaker/CountBreaker.test.ts": [
      ["refuses a share, a size or a minimum out of range", [wrongBreaker], 3],
      ["has a window as large as asked for", ["breaker: the oldest call makes place for the newest"]],
      ["the oldest call makes place for the newest", ["breaker: the oldest call makes place for the newest"]],
      ["is taken out and put back in, call by call", [goesOn]],
      ["does not open before the minimum of calls", [minimum]],
      [
        "does not open when the share is not surpassed",
        ["breaker: of the last calls: it opens when the share of failures is reached"]
      ],
      [
        "opens when the share is surpassed",
        ["breaker: of the last calls: it opens when the share of failures is reached"]
      ],
      ["begins anew after a trial that succeeded", ["breaker: a closed breaker begins with an empty window"]]
    ],
    "breaker/SamplingBreaker.test.ts": [
      ["refuses a share out of range", [wrongBreaker]],
      [
        "divides its time into steps, a short one too",
        ["breaker: time passes over a window step by step, a tenth of it each"],
        2
      ],
      ["guesses how many calls a second it takes", decided(minimum)],
      [
        "old steps make place for new ones",
        [
          "breaker: of the last while: what is older does not count",
          "breaker: time passes over a window step by step, a tenth of it each"
        ]
      ],
      ["is taken out and put back in, step by step", [goesOn]],
      ["does not open with too few calls in the time", [minimum]],
      ["opens with enough of them", [minimum]],
      [
        "works out the share over time",
        [
          "breaker: successes that fall out of a window of time may open it",
          "breaker: of the last while: what is older does not count"
        ]
      ],
      ["begins anew after a trial that succeeded", ["breaker: a closed breaker begins with an empty window"]]
    ],
    "common/Event.test.ts": [
      ["who listens is told, until no longer", [changeTold, heardNoMore]],
      ["who comes late is told the last event", decided(numbers)],
      ["once only", language, 2],
      ["as a promise, that may be given up", language, 3],
      ["signals as events, with their reason", language, 3]
    ],
    "common/Executor.test.ts": [
      [
        "tells a success with how long it took",
        [callTold, "alone: each call is told once, with how long it took, and what it failed with"]
      ],
      [
        "tells a failure that the policy is for",
        [callTold, "alone: each call is told once, with how long it took, and what it failed with"]
      ],
      [
        "tells a failure that it is not for, as such",
        [
          callTold,
          "alone: each pause is told with its attempt and its failure, and the end of the attempts with its reason"
        ]
      ]
    ],
    "common/abort.test.ts": [
      [
        "a derived signal is aborted where that of the caller was",
        ["alone: what is given up before it begins is not called, and has no timer"]
      ],
      [
        "a derived signal is aborted with that of the caller, for the same reason",
        ["alone: a caller that gives up is passed on to the function, with its reason"]
      ]
    ],
    "errors/Errors.test.ts": [["each error is told from all the others", [byTag], 31]]
  },

  opossum: {
    "test.js": [
      ["says what it is: state, options, numbers", [numbers]],
      [
        "is named by the function that it guards",
        decided("breaker: nothing is called, and the error says which breaker it is and when to call again")
      ],
      ["takes a name", ["breaker: nothing is called, and the error says which breaker it is and when to call again"]],
      [
        "makes up a name where there is none",
        decided("breaker: nothing is called, and the error says which breaker it is and when to call again")
      ],
      ["takes a group for dashboards", client, 2],
      ["passes arguments on", ["breaker: a function behind a breaker takes the same arguments"]],
      ["remembers answers until they are forgotten", [kept, "alone: one may be forgotten, or all"]],
      [
        "fails with the error of the function, which is not one of its own",
        ["breaker: an error comes back as it was thrown, whether at once or later", byTag]
      ],
      [
        "fails when the function takes too long, with an error of its own",
        [
          "alone: when the time is over, and not before, the caller has an error that says so, and the function is told",
          "alone: inside a breaker and around one, a call that takes too long is a failure of what was called"
        ]
      ],
      [
        "guards functions that answer at once",
        ["breaker: functions may answer at once, later, or with anything that has then"]
      ],
      ["guards what is no function at all", language],
      ["guards functions with callbacks, that succeed or fail", language, 2],
      ["opens after too many failures", ["breaker: it opens with the last failure that is allowed, not before"]],
      [
        "tries again after a while, also when several calls failed",
        [
          "breaker: it stays open until its time is over, and opens once only",
          trialCloses,
          "breaker: a failure of a call from before it opened does not make it open for longer"
        ],
        2
      ],
      ["says that it is open", [numbers]],
      [
        "a fallback does not keep it from trying again",
        ["breaker: a fallback hides no trial: it is tried again all the same"]
      ],
      ["the fallback answers while it is open", [answersFor]],
      ["the fallback is told the error", [answersFor]],
      [
        "the fallback answers once for a call that times out and then fails",
        ["alone: a fallback answers once for a call that takes too long, whatever it does after that"]
      ],
      [
        "the fallback has the arguments of the call",
        ["breaker: a call may bring its own, and the type of the answer says what may come"]
      ],
      ["a fallback may be set in a chain of calls", language],
      [
        "what throws at once has failed",
        ["breaker: an error comes back as it was thrown, whether at once or later", callTold]
      ],
      ["the fallback answers for what throws at once", [answersFor]],
      [
        "tells the failure also when the fallback answers",
        ["breaker: the error it failed with or was refused with, also where a fallback answered"]
      ],
      ["counts calls, failures, refusals and fallbacks", [numbers]],
      [
        "counts over a window that rolls on",
        ["breaker: what is older than the window is forgotten, a tenth of it at a time"]
      ],
      ["sends its numbers by itself, step by step", decided(numbers)],
      [
        "tells the answer of a fallback",
        ["breaker: each answer of a fallback, with what it answered for, and its failure"]
      ],
      [
        "tells calls, successes, failures, refusals, timeouts, and every change",
        [changeTold, callTold, "breaker: whether its time was over"]
      ],
      ["opens, tries, opens again, tries, closes", [trialOpens, trialCloses]],
      ["a fallback may fail", ["breaker: it may answer later, or fail: then its error is the one of the call"]],
      [
        "a fallback that fails is told",
        ["breaker: each answer of a fallback, with what it answered for, and its failure"]
      ],
      ["a fallback may be another breaker, which may fail too", ["breaker: it may be another breaker"], 3],
      ["warns of an old name of an option", gone],
      ["latencies and percentiles are 0 at first", ["breaker: before the first call all are 0"]],
      ["latencies may be left out", ["breaker: there are none where nobody asked for them"]],
      ["tells how long a success or a failure took", [callTold], 2],
      ["tells the arguments of a call that failed, or took too long", decided(), 2],
      ["tells how long a call took that was too long", [callTold, "breaker: whether its time was over"]],
      [
        "a call that took too long gives its place back",
        ["alone: a place is free again as soon as the timeout inside it gives up"]
      ],
      ["refuses calls above its capacity", ["bulkhead: without a queue nobody waits"]],
      [
        "has no bound of calls where nobody says one",
        decided("bulkhead: an impossible one is refused when it is made, with the setting and what is allowed")
      ]
    ],
    "cache.js": [
      ["remembers answers until they are forgotten", [kept, "alone: one may be forgotten, or all"]],
      [
        "keeps no more than allowed",
        ["alone: the oldest go first when there are too many, and one that was renewed is not old"]
      ],
      ["for so long only", ["alone: for as long as it is good, and not a millisecond longer"]],
      [
        "calls at the same time are one, and what was kept comes first after that",
        [shares, "alone: what was shared and kept is a hit from then on"]
      ],
      [
        "calls at the same time are one, and again when its time is over",
        [shares, "alone: for as long as it is good, and not a millisecond longer"]
      ],
      ["takes a list of what ends the sharing", inside],
      [
        "no sharing after a success where one says so",
        ["alone: without a time to live only calls that are out are shared"]
      ],
      [
        "no sharing after an error, or a timeout, where one says so",
        ["alone: a failure is shared by those who wait, and by nobody after them"],
        2
      ],
      ["each is called where nothing is shared", ["alone: where nothing is shared each is called"]],
      [
        "a key of one's own",
        ["alone: a function behind it is asked once for the same arguments, or for the same key of its own"]
      ],
      ["a store of one's own", ["alone: answers may be kept in a store of your own, that answers at once or later"]],
      [
        "has a bound where nobody says one",
        ["alone: the oldest go first when there are too many, and one that was renewed is not old"]
      ],
      [
        "the oldest goes when there is one too many, also one that was renewed",
        decided("alone: the oldest go first when there are too many, and one that was renewed is not old")
      ],
      ["can be emptied", ["alone: one may be forgotten, or all"]],
      [
        "what is too old is gone when it is asked for",
        ["alone: for as long as it is good, and not a millisecond longer"]
      ]
    ],
    "circuit-shutdown-test.js": [
      ["leaves no listener behind when it is shut down", decided(noTimer)],
      [
        "is shut down, and then lets nothing pass",
        decided(noTimer, "breaker: forced open, nothing passes until it is released, however long that takes")
      ]
    ],
    "closed-test.js": [
      [
        "a success of a call from before it opened does not close it",
        ["breaker: a success of a call from before it opened closes nothing"]
      ]
    ],
    "context-test.js": [["calls the function with a 'this' of one's own", language, 3]],
    "distributed-test.js": [["has its state in Redis (checks nothing)", client]],
    "enable-disable-test.js": [
      ["is switched on at first", ["breaker: calls pass, and their results come back"]],
      [
        "may be made switched off",
        ["breaker: forced closed, everything passes whatever fails, and the calls are still counted"]
      ],
      [
        "switched off everything passes, and it may open once it is on again",
        [
          "breaker: forced closed, everything passes whatever fails, and the calls are still counted",
          "breaker: it can be forced open or closed, or reset, in every state"
        ]
      ],
      [
        "calls are told also when it is off",
        ["breaker: a call is counted when it begins, also where all calls pass whatever fails"]
      ]
    ],
    "error-filter-test.js": [
      [
        "an error that is filtered counts as a success",
        decided("breaker: errors by tag, code or class may count as nothing: no failure, and no success either")
      ],
      ["one that is not is a failure", ["breaker: code may say which errors are failures"]],
      [
        "without a filter every error is one",
        ["breaker: an error comes back as it was thrown, whether at once or later"]
      ],
      ["no fallback for a filtered error", ["breaker: it does not answer for an error that counts as nothing"]]
    ],
    "half-open-test.js": [
      ["one call passes, the others are refused", [oneTrial]],
      [
        "a filtered error closes it",
        decided("breaker: a trial whose error counts as nothing gives its place back and decides nothing")
      ]
    ],
    "health-check-test.js": [
      ["asks whether the service is well", ["alone: a service is asked at once, and then again and again"]],
      [
        "tells when it is not",
        ["alone: each check is told with what was wrong; a listener that throws disturbs nobody"]
      ],
      [
        "opens when it is not",
        ["alone: while it is not well its breaker is held open, and let go when it is well again"]
      ],
      ["asks with the breaker as 'this'", language],
      ["refuses what is no interval, and what is no function", ["alone: impossible settings of a check are refused"], 2]
    ],
    "hystrix-test.js": [["streams its numbers for Hystrix", client]],
    "numeric-options-test.js": [
      [
        "refuses what is not a number, NaN and the infinite",
        [wrongBreaker, "alone: an impossible timeout is refused when it is made, with the setting and what is allowed"],
        3
      ],
      [
        "takes 0 for no timeout, and numbers as they are",
        decided("alone: an impossible timeout is refused when it is made, with the setting and what is allowed")
      ],
      ["takes false for no timeout", language],
      ["calls are shared for as long as the timeout is", inside]
    ],
    "open-test.js": [
      [
        "opened by hand it does not try again by itself",
        ["breaker: forced open, nothing passes until it is released, however long that takes"]
      ]
    ],
    "options-test.js": [
      [
        "a call may take 10 s where nobody says otherwise",
        decided("alone: inside a breaker and around one, a call that takes too long is a failure of what was called")
      ],
      [
        "no timeout with 0",
        decided("alone: an impossible timeout is refused when it is made, with the setting and what is allowed")
      ],
      [
        "tries again after 30 s where nobody says otherwise",
        ["breaker: without a policy it opens after five failures in a row and tries again after 30 seconds"]
      ],
      ["tries again at once with 0", decided(wrongBreaker)],
      [
        "opens when half of the calls fail where nobody says otherwise",
        decided("breaker: without a policy it opens after five failures in a row and tries again after 30 seconds")
      ],
      ["opens with the first failure with 0", decided("breaker: without one it may open from the first call on")],
      ["numbers are of the last 10 s where nobody says otherwise", ["breaker: before the first call all are 0"]],
      ["no window with 0", decided("breaker: an impossible window is refused")],
      [
        "a window has ten steps where nobody says otherwise",
        ["breaker: what is older than the window is forgotten, a tenth of it at a time"]
      ],
      ["a window without steps", decided("breaker: an impossible window is refused")]
    ],
    "prometheus-test.js": [["gives its numbers to Prometheus", client, 10]],
    "rolling-event-emitter-test.js": [
      ["who turns the window on from outside is listened to once, and while it is on", inside, 5]
    ],
    "semaphore-test.js": [
      [
        "who enters takes a place, who leaves gives it back",
        ["bulkhead: numbers say how many are inside, wait, and were refused, call by call"],
        2
      ],
      [
        "who finds no place waits for one",
        ["bulkhead: never more than allowed, the others wait and begin in order, as places become free"]
      ],
      ["nobody changes the count from outside", language],
      ["who waits too long is refused", ["bulkhead: who has waited as long as it may is refused"]],
      [
        "one may look whether there is a place",
        ["bulkhead: numbers say how many are inside, wait, and were refused, call by call"]
      ]
    ],
    "state-test.js": [
      ["its state can be taken out", [stillOpen], 2],
      ["begins closed where the state says so", [goesOn]],
      ["begins open where the state says so, and tries again after its time", [stillOpen]],
      ["tries at once where the time was over before", [stillOpen]],
      [
        "begins with its trial to come, one at a time",
        ["breaker: a trial that was out when the process ended takes no place", oneTrial]
      ],
      ["begins shut down where the state says so", decided("breaker: what was forced stays forced until a reset")],
      ["state and numbers can be put into another one", [goesOn]]
    ],
    "status-test.js": [
      ["begins with numbers from elsewhere, all or some of them", decided(goesOn), 3],
      ["what are no numbers are not taken", ["breaker: what is no breaker is refused"]],
      ["sends its numbers by itself, unless told not to", decided(numbers), 3],
      ["the window is turned on from outside, and not otherwise", inside, 2],
      [
        "numbers that are too old are forgotten",
        ["breaker: what is older than the window is forgotten, a tenth of it at a time"]
      ]
    ],
    "volume-threshold-test.js": [
      [
        "without a least number of calls the first failure opens it",
        ["breaker: without one it may open from the first call on"]
      ],
      ["not before a least number of calls", [minimum]],
      ["a trial that fails opens it, however few calls there were", [trialOpens]]
    ],
    "warmup-test.js": [
      [
        "without a warm-up it may open from the first call on",
        ["breaker: without one it may open from the first call on"]
      ],
      [
        "nothing opens it while it warms up",
        ["breaker: nothing opens it in the time after it was made: no failures, no rate, no slow calls"]
      ],
      [
        "it warms up once, for so long",
        ["breaker: it is over once: a breaker that was closed again, or reset, has none"]
      ]
    ]
  },

  resilience4j: {
    "CircuitBreakerStateMachineTest.java": [
      ["has a name", ["breaker: nothing is called, and the error says which breaker it is and when to call again"]],
      [
        "open or forced open it refuses, and counts that",
        [
          "breaker: nothing is called, and the error says which breaker it is and when to call again",
          numbers,
          "breaker: forced open, nothing passes until it is released, however long that takes"
        ],
        2
      ],
      [
        "a trial that is given back makes place for another",
        ["breaker: a trial whose error counts as nothing gives its place back and decides nothing"]
      ],
      ["no more trials than permitted, in each half-open period", [manyTrials], 2],
      [
        "opens when the share of failures is reached, not before the window is full enough",
        [
          "breaker: of the last while: what is older does not count",
          minimum,
          "breaker: the call that makes the minimum full may open it, even a success"
        ]
      ],
      [
        "opens when too many calls are slow, failed or not",
        ["breaker: it opens when too many calls are slow, though none fails", "breaker: a slow failure is both"]
      ],
      ["tries again after its time", ["breaker: it stays open until its time is over, and opens once only"]],
      [
        "the time it is open may grow each time",
        [
          "breaker: each failed trial makes the next open period longer, up to the cap",
          "breaker: code may say it, told how often it has opened and what failed"
        ]
      ],
      ["opens again when too many of the trials failed", decided(trialOpens)],
      [
        "opens again when too many of the trials were slow",
        decided("breaker: a slow trial is no success: it opens again")
      ],
      [
        "closes when few enough of the trials failed, with an empty window",
        decided(
          "breaker: so many trials must succeed, one after the other",
          "breaker: a closed breaker begins with an empty window"
        )
      ],
      [
        "a reset forgets what was counted, closed or open",
        ["breaker: a reset forgets what failed, also while it is closed"],
        3
      ],
      [
        "switched off everything passes and nothing is counted",
        decided("breaker: forced closed, everything passes whatever fails, and the calls are still counted")
      ],
      [
        "forced open it stays so, however long",
        ["breaker: forced open, nothing passes until it is released, however long that takes"]
      ],
      [
        "forced closed it counts on",
        ["breaker: forced closed, everything passes whatever fails, and the calls are still counted"]
      ],
      [
        "an error that is ignored gives its place of a trial back, however often",
        ["breaker: a trial whose error counts as nothing gives its place back and decides nothing"],
        2
      ],
      [
        "changes that cannot be are refused",
        decided("breaker: it can be forced open or closed, or reset, in every state"),
        2
      ],
      [
        "may only count, and never open",
        ["breaker: forced closed, everything passes whatever fails, and the calls are still counted"],
        2
      ]
    ],
    "CircuitBreakerAutoTransitionStateMachineTest.java": [
      ["becomes half-open by a timer, without a call", decided(noTimer), 3]
    ],
    "CircuitBreakerConfig (settings)": [
      ["slidingWindowType COUNT_BASED", ["breaker: of the last calls: it opens when the share of failures is reached"]],
      ["slidingWindowType TIME_BASED", ["breaker: of the last while: what is older does not count"]],
      ["minimumNumberOfCalls", [minimum]],
      [
        "permittedNumberOfCallsInHalfOpenState",
        [manyTrials, "breaker: so many trials must succeed, one after the other"]
      ],
      [
        "maxWaitDurationInHalfOpenState",
        ["breaker: a trial that never answers gives its place to another after a while"]
      ],
      ["automaticTransitionFromOpenToHalfOpenEnabled", decided(noTimer)],
      [
        "slowCallDurationThreshold, slowCallRateThreshold",
        ["breaker: it opens when too many calls are slow, though none fails"]
      ],
      [
        "ignoreExceptions, recordExceptions, recordException",
        [
          "breaker: errors by tag, code or class may count as nothing: no failure, and no success either",
          "breaker: only the errors of a list may count",
          "breaker: code may say which errors are failures"
        ]
      ],
      ["recordResult", ["breaker: a result may be a failure too: it reaches the caller all the same"]],
      [
        "answers from before it opened",
        [
          "breaker: calls from before it opened decide no trial and take no place of one",
          "breaker: trials that end after the decision do not count any more"
        ]
      ]
    ]
  },

  Polly: {
    "CircuitStateControllerTests.cs": [
      ["is closed at first, without a last failure", ["breaker: calls pass, and their results come back"]],
      [
        "isolated by hand it refuses, until it is closed by hand; both are told",
        ["breaker: forced open, nothing passes until it is released, however long that takes", changeTold],
        2
      ],
      ["disposed it refuses everything", decided(noTimer)],
      [
        "open because of a result, or of an error, it says until when and why",
        [
          "breaker: a result may be a failure too: it reaches the caller all the same",
          "breaker: nothing is called, and the error says which breaker it is and when to call again",
          "breaker: a refusal carries the last failure as its cause, for those who look into it"
        ],
        3
      ],
      ["refusals do not grow their stack", language],
      [
        "a trial has a time after which another may be made",
        ["breaker: a trial that never answers gives its place to another after a while"]
      ],
      ["a trial closes or opens it", [trialCloses, trialOpens], 2],
      [
        "two failures at once are counted one after the other",
        ["breaker: calls at the same time count in the order in which they end"]
      ],
      ["half-open one call passes, the next is refused, and it is told", [oneTrial, changeTold]],
      [
        "a success closes a half-open one only; an isolated one stays",
        [trialCloses, "breaker: calls that were out when it was forced do not count"]
      ],
      [
        "a failure opens a closed or half-open one when it is too many; an isolated one stays",
        [
          "breaker: it opens with the last failure that is allowed, not before",
          "breaker: calls that were out when it was forced do not count"
        ]
      ],
      [
        "a generator says how long it is open, told how much has failed",
        ["breaker: code may say it, told how often it has opened and what failed"]
      ],
      ["an end beyond all time is the end of time", decided("breaker: as much as a limit allows is taken")],
      ["from closed to open to half-open to closed, and again", [trialOpens, trialCloses], 2],
      ["waits for what listeners do", decided(listens)]
    ],
    "CircuitBreakerManualControlTests.cs": [
      ["may be made isolated", ["breaker: what was forced stays forced until a reset"]],
      [
        "one hand for several breakers, before or after they are made",
        decided("breaker: it can be forced open or closed, or reset, in every state"),
        5
      ]
    ],
    "HedgingResilienceStrategyTests.cs": [
      ["begins another when the first has not answered in time", [hedges], 2],
      ["how long it waits may be worked out for each", decided(hedges), 2],
      ["what is not of the type it guards is just called", inside],
      ["its defaults", inside],
      ["what is given up before it begins is not called", ["failover: cancelling tells them all"]],
      ["each is told as an attempt of its own", decided(ownSignal)],
      [
        "the first fails: the other's answer counts",
        ["failover: fails alone: the attempt goes on while another is under way"]
      ],
      ["the answer of the first is taken when it comes first; the other is told", [hedges]],
      [
        "the answer of the other is taken when it comes first; the first is told",
        [hedges, "failover: what the other says after all is kept as late, and changes nothing"]
      ],
      [
        "what the loser made is disposed of",
        decided("failover: what the other says after all is kept as late, and changes nothing")
      ],
      ["each has a signal and a context of its own", [ownSignal]],
      ["properties of a context flow in and out", inside, 5],
      ["a listener that throws fails the call", decided(listens)],
      ["a caller that gives up is passed on to all", ["failover: cancelling tells them all"]],
      ["what the winner left behind is not told to stop", inside],
      [
        "with no delay all begin at once",
        decided("failover: is refused for tasks without agents, and outside its bounds")
      ],
      [
        "with an endless delay one follows the other",
        ["failover: an attempt after a failure goes to another able agent"]
      ],
      [
        "fails with the last failure when all have failed, or the first that is not handled",
        ["failover: the attempt fails when all have, with the last failure and who it was"],
        2
      ],
      ["succeeds with the last one", ["failover: fails alone: the attempt goes on while another is under way"]],
      [
        "none begins for an error that is not handled",
        ["failover: does not begin when the first has answered, or failed, before"]
      ],
      ["errors keep their stack", language],
      ["each hedge is told", decided(ownSignal), 3]
    ]
  }
}

export const entries: ReadonlyArray<Entry> = (Object.keys(suites) as ReadonlyArray<Library>).flatMap((library) =>
  Object.entries(suites[library]).flatMap(([suite, lines]) =>
    lines.map(([behaviour, by, tests = 1]) => ({
      library,
      suite,
      behaviour,
      tests,
      ...("not" in by ? { rows: by.instead ?? [], not: by.not } : { rows: by, not: undefined })
    }))
  )
)

const bars = (cells: ReadonlyArray<string>, widths: ReadonlyArray<number>) =>
  `| ${cells.map((cell, i) => cell.replaceAll("|", "\\|").padEnd(widths[i]!)).join(" | ")} |`

const tableOf = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => row[i]!.replaceAll("|", "\\|").length)))
  const [head, ...rest] = rows.map((row) => bars(row, widths))
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest].join("\n")
}

const testsOf = (list: ReadonlyArray<Entry>) => list.reduce((sum, { tests }) => sum + tests, 0)

/** How many behaviours of each library have a row, and why others have none. */
export const summary = (): string => {
  const libraries = Object.keys(suites) as ReadonlyArray<Library>
  const keys = Object.keys(reasons) as ReadonlyArray<Reason>
  const rows = libraries.map((library) => {
    const own = entries.filter((entry) => entry.library === library)
    const count = (not: Reason | undefined) => String(own.filter((entry) => entry.not === not).length)
    return [library, String(testsOf(own)), String(own.length), count(undefined), ...keys.map(count)]
  })
  return [
    tableOf([["", "tests", "behaviours", "have a row", ...keys], ...rows]),
    "",
    ...keys.map((key) => `- \`${key}\`: ${reasons[key]}`),
    ""
  ].join("\n")
}

/** All of them. */
export const page = (): string => {
  const libraries = Object.keys(suites) as ReadonlyArray<Library>
  return [
    "# What others' suites cover",
    "",
    "Every behaviour that we found in the suites of cockatiel and opossum, and in those of resilience4j and Polly for breakers and",
    "hedging, in our words. Beside each the rows of the tables in [RESILIENCE](RESILIENCE.md) that say it, or why it has none.",
    "This page is made from `test/behaviours/others.ts`; a test looks whether every row is there.",
    "",
    summary(),
    ...libraries.flatMap((library) => [
      `## ${library}`,
      "",
      ...Object.keys(suites[library]).flatMap((suite) => [
        `### ${suite}`,
        "",
        tableOf([
          ["behaviour", "tests", "our rows"],
          ...entries
            .filter((entry) => entry.library === library && entry.suite === suite)
            .map(({ behaviour, tests, rows, not }) => [
              behaviour,
              String(tests),
              not === undefined
                ? rows.join("; ")
                : [`_${not}_`, ...(rows.length === 0 ? [] : [rows.join("; ")])].join(": ")
            ])
        ]),
        ""
      ])
    ])
  ].join("\n")
}
