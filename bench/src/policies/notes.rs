//! What the figures mean and how they were taken: for the reader of the page.

/// The notes, in the order of the tables.
pub fn notes() -> Vec<String> {
    NOTES.map(str::to_owned).to_vec()
}

const NOTES: [&str; 9] = [
    "A call is answered without any work, so that what is left is the policy: `at once` when it is first asked for, or it `waits once`, \
     after the task has let others run, which is when a timer must be made and unmade. `no policy` is the same loop around nothing, \
     and is contained in all other figures.",
    "CPU: what the thread that makes the calls has used, by the kernel's count, divided by the calls: median of the rounds, with the \
     lowest and the highest. The rounds are interleaved, ours and the peers in one run; a batch takes about 40 ms. Each thread is \
     kept on a processor of its own and has a tokio runtime of its own, on which the calls are made one after the other by a task. \
     Everything was warmed up.",
    "Allocations are counted by a second program, with an allocator that counts, for the same calls: how many and how many bytes in \
     all a call asks for when what grows has grown. `future` is the size of a call's future where it is awaited; what a peer keeps \
     in boxes is not in it but among the allocated bytes.",
    "Two threads: the same policy called from both at once, no other work between the calls, so that they meet as often as they ever \
     can. A caller that does anything else meets the other less. Calls a second are by the wall's clock, and depend on what else the \
     machine does. A breaker of tower-resilience has a lock that puts the task to sleep when another thread holds it: once that begins, \
     every call is a wake-up from one thread to the other.",
    "Settings are the defaults where those let calls through that take no time: ours of each policy (deadline 5 s, ten endpoints \
     behind the balancer, rates out of reach), with a deadline of the call in an hour; the peers' own, with the same 5 s and 64 \
     permits, a token bucket as retry budget and a hedge after 50 ms as their guide shows, two attempts at most.",
    "Full stack: ours is `Stack` without any settings, over ten endpoints: deadline, breaker, learned limit, retry, hedge and balancer, \
     retries and hedges paid from one budget; `essential` has eternal mode for the breaker, and a fallback. That of tower-resilience \
     is in the order its guide recommends: timeout, retry with budget, breaker, bulkhead, timeout of an attempt, hedge; nothing of \
     theirs chooses an endpoint. failsafe has a breaker only.",
    "What differs in kind: our breaker looks back on 30 seconds, that of tower-resilience on 100 calls; our retry, hedge and limit \
     learn from each answer, theirs do not, but for the adaptive limit; the services of tower-resilience box each layer's future, ours \
     are nested in the caller's.",
    "Refusals: the policy is in a state where it refuses; `came through` counts calls that were made behind it all the same. Ours tells \
     in the refusal who refused and until when, which allocates the name. `time` is by the wall's clock: a bulkhead of \
     tower-resilience that rejects when full still waits for a timer of no length, which comes with the next millisecond.",
    "Choices are timed on the balancer's core in virtual time, one call in 200 failing. What is held: 10,000 endpoints with their \
     names after 20 calls each, or 10,000 breakers that have seen nothing, beside the detector of outliers and the breaker of \
     tower-resilience and that of failsafe; what is learned of an endpoint there is a count of errors.",
];
