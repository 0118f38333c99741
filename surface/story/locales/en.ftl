# The sentences of Homeostat in English. es.ftl has the same names with the same variables; a test holds them together.
# Names of services, texts of errors and the like come in as they are and are never read as patterns.

## Phrases
name = { $name }
actor = { $kind ->
    [engine] the engine
    [gateway] the gateway
    [token] the holder of the token
    [user] user { $by } of this machine
   *[other] { $by }
}
origin = { $origin ->
    [start] at the start
    [file] because its file changed
    [signal] on SIGHUP
    [api] through the API
   *[other] { $origin }
}
exit-code = exit code { $code }
exit-killed = killed by signal { $signal }
exit-killed-named = killed by { $name }, signal { $signal }
exit-unknown = nobody saw how
failure-refused = nothing listens at its address
failure-timed-out = no answer within { $after }
failure-status = it answered with status { $code }
failure-command = the check's command failed ({ $exit })
failure-other = “{ $text }”
finding-none = no finding yet
finding-exited = its process ended without being asked to ({ $exit }), after { $after }
finding-unhealthy = { $failures ->
    [one] its process runs and failed a health check ({ $last })
   *[other] its process runs and failed { $failures } health checks in a row (the last: { $last })
}
finding-start-failed = its process could not be started: { $error }
finding-kind = { $kind ->
    [exited] an exit
    [unhealthy] failed health checks
    [start_failed] a failed start
   *[other] { $kind }
}
severity-notice = worth knowing
severity-warning = warning
severity-critical = critical
cause-killed-from-outside = somebody or something outside killed it
cause-out-of-memory = the kernel killed it for want of memory
cause-program-fault = it stumbled over a fault of its own
cause-misconfigured = it cannot run as it is configured
cause-finished-by-itself = it ended as if its work were done
cause-hung = it hangs: stuck, stopped or overloaded
cause-not-listening = it runs and its port is closed
cause-answers-with-errors = it answers with errors
cause-dependency-down = a service it depends on is not well
class-start = start
class-stop = stop
class-replace = replacement
class-restart = restart
class-undo = undo
class-unknown = action
option-wait = wait and see
option-restart = start it again
verb-stop = stop the running process (life { $run })
verb-start = start a new process
undo-stop = can be taken back: the new process is stopped again
undo-irreversible = cannot be taken back: what the process held in memory is gone
scope-everything = everything
scope-service = { $name }
resolution-repaired = repaired, and verified
resolution-recovered-by-itself = it came back without an action of the engine
resolution-no-longer-wanted = it is no longer wanted
unfixed-exited-again = it ended again ({ $exit })
unfixed-unhealthy-again = its health check failed again
unfixed-not-ready-in-time = it was not ready in time
unfixed-action-failed = the action failed: { $error }
escalation-budget = { $repairs ->
    [one] one repair within { $window }, all that is allowed, and it is still not well; the engine goes on trying, slowly
   *[other] { $repairs } repairs within { $window }, all that are allowed, and it is still not well; the engine goes on trying, slowly
}
escalation-not-allowed = the engine may not repair this by itself
escalation-action = { $why }

## Guards
guard-answer = { $verdict ->
    [wait] not before { $until }
    [ask] a person decides
   *[refuse] refused
}
guard-kill-switch = { $verdict ->
    [pass] Kill switch: nobody has paused the engine
   *[other] Kill switch: somebody has paused the engine ({ $answer })
}
guard-recovery-switch = { $verdict ->
    [pass] Recovery switch: repairs are switched on
   *[other] Recovery switch: repairs are switched off ({ $answer })
}
guard-autonomy = { $verdict ->
    [pass] Autonomy: the owner's setting, or a person's word, allows it
   *[other] Autonomy: the owner does not let the engine do this by itself ({ $answer })
}
guard-rate = { $verdict ->
    [pass] Rate: the repair budget is not spent
   *[other] Rate: the repair budget is spent ({ $answer })
}
guard-backoff = { $verdict ->
    [pass] Backoff: enough time has passed since the last attempt
   *[other] Backoff: too little time has passed since the last attempt ({ $answer })
}
guard-freshness = { $verdict ->
    [pass] Freshness: the plan is recent
   *[other] Freshness: the plan is too old ({ $answer })
}
guard-one-actor = { $verdict ->
    [pass] One actor: nothing else acts on it and nobody holds it
   *[other] One actor: something else acts on it, or a person holds it ({ $answer })
}
guard-journal = { $verdict ->
    [pass] Journal: it takes records
   *[other] Journal: it takes no records, and nothing is done that is not recorded first ({ $answer })
}
guard-reversible = { $verdict ->
    [pass] Reversible: every step can be taken back
   *[other] Reversible: a step cannot be taken back ({ $answer })
}

## Facts
engine-started = { $adopted ->
    [0] Homeostat { $version } took charge (process { $pid }).
    [one] Homeostat { $version } took charge (process { $pid }) and adopted one running instance.
   *[other] Homeostat { $version } took charge (process { $pid }) and adopted { $adopted } running instances.
}
engine-stopped = { $kept ->
    [yes] Homeostat ended; the services run on.
   *[no] Homeostat ended, and the services with it.
}
policy-applied = { $count ->
    [0] The configuration came into force { $origin } ({ $hash }); it names no service.
    [one] The configuration came into force { $origin } ({ $hash }), with one service: { $services }.
   *[other] The configuration came into force { $origin } ({ $hash }), with { $count } services: { $services }.
}
policy-rejected = { $count ->
    [one] A changed configuration ({ $origin }) was not taken, the one before stays in force: { $problems }
   *[other] A changed configuration ({ $origin }) was not taken, the one before stays in force; { $count } problems: { $problems }
}
signal-up = { $count ->
    [0] { $subject } runs as process { $pid }.
    [one] { $subject } runs as process { $pid }, port { $ports }.
   *[other] { $subject } runs as process { $pid }, ports { $ports }.
}
signal-adopted = { $count ->
    [0] { $subject } was found running as process { $pid } and was adopted.
    [one] { $subject } was found running as process { $pid }, port { $ports }, and was adopted.
   *[other] { $subject } was found running as process { $pid }, ports { $ports }, and was adopted.
}
signal-exited = The process of { $subject } is gone: { $exit }.
signal-probe-passed = { $subject } passed its health check in { $took }.
signal-probe-failed = { $subject } failed its health check: { $failure }.
episode-opened = Episode { $episode } about { $subject } begins.
finding-made = { $subject }: { $what }. Severity: { $severity }; confidence: { $confidence } %.
hypotheses-formed = Suspected: { $suspicions }.
hypothesis = { $cause } ({ $weight } %)
plan-made = Plan { $action }: { $class } of { $target }, with a predicted chance of success of { $predicted } %.
plan-asked = Plan { $action }: { $class } of { $target }, as was asked.
candidate = { $option } (score { $score } %)
guards-go = { $count ->
    [0] { $action } needs no guard's word.
    [one] The one guard asked lets { $action } pass.
   *[other] All { $count } guards let { $action } pass.
}
guards-wait = { $action } waits until { $until }. { $objections }.
guards-ask = { $action } waits for a person's word until { $until }. { $objections }.
guards-observe = The engine would carry out { $action }, and leaves it to you. { $objections }.
guards-refuse = { $action } is refused. { $objections }.
action-approved = { $action } was approved by { $by }.
action-dropped = { $action } was dropped by { $by }: { $why }.
action-resumed = { $action } goes on, as told by { $by }.
action-begun = { $action } begins on { $target }.
action-done = { $action } is done.
action-undone = { $action } was taken back: { $why }.
action-parked = { $action } waits for a person to find out what happened: { $why }.
action-stuck = { $action } is stuck and needs a person: { $why }.
verification-begun = Watching what { $action } brings: ready by { $ready_by }, then ready for { $window } on end.
outcome-fixed = { $action } fixed it, verified: ready again { $after } after the first finding.
outcome-no-effect = { $action } had no effect: { $because }.
outcome-unknown = What { $action } brought cannot be told: it came to no known end.
times = { $count ->
    [0] never
    [one] once
   *[other] { $count } times
}
lesson-learned = Learned for { $service }: { $class } after { $finding } has been tried { $tried } and has worked { $fixed }, in { $average } on average.
lesson-never = Learned for { $service }: { $class } after { $finding } has been tried { $tried } and has never worked.
alarm-raised = A person is called ({ $code }): { $why }.
escalated = A person is called: { $why }.
episode-closed = Episode { $episode } ends after { $took }: { $resolution }.
acting-paused = Acting on { $scope } was paused by { $by }.
acting-resumed = Acting on { $scope } was allowed again by { $by }.
instance-held = { $instance } is held as it is by { $by }, who undid with { $action }.
instance-released = { $instance } was released by { $by }: it is looked after again.
service-activated = { $service } was asked for by { $by }: it starts.
service-rested = { $service } rests again: nobody asked for anything for { $idle }.
shutdown-requested = { $kept ->
    [yes] The engine was told to end by { $by }, and to leave the services running.
   *[no] The engine was told to end by { $by }, and the services with it.
}

## Steps of an action
saga-step = { $name ->
    [none] step { $step }
    [stop] step { $step } (stop)
    [start] step { $step } (start)
   *[other] step { $step } ({ $name })
}
saga-verb-do = carry out
saga-verb-undo = take back
saga-verb-probe = look whether it happened
saga-created = { $action } is recorded, before anything is done to { $target }.
saga-taken = { $action } is in the hands of the engine ({ $owner }).
saga-step-started = { $action }, { $step }, attempt { $attempt }: { $verb } ...
saga-step-done = { $action }, { $step }, attempt { $attempt }: { $verb }: done
saga-step-failed = { $action }, { $step }, attempt { $attempt }: { $verb }: failed: { $why }
saga-step-unknown = { $action }, { $step }, attempt { $attempt }: { $verb }: nobody knows whether it happened: { $why }
saga-step-never-happened = { $action }, { $step }, attempt { $attempt }: { $verb }: it did not happen
saga-withheld = { $action }, { $step }, attempt { $attempt }: { $verb }: held back, because the engine was paused
saga-cancel = { $action } is to be taken back, as asked by { $by }: { $why }.
saga-turned-back = { $action } turns back: { $why }.
saga-parked = { $action }, { $step }: a person must look: { $why }.
saga-stuck = { $action }, { $step }: the engine cannot go on: { $why }.
saga-resumed = { $action } may try again, as told by { $by }.
saga-skipped = The step of { $action } counts as done, as told by { $by }.
saga-disproved = The step of { $action } did not happen, as looked up by { $by }.
saga-ended-done = Every step of { $action } is done.
saga-ended-undone = Every step of { $action } is taken back: { $why }.
saga-ended-parked = The steps of { $action } rest until a person has looked: { $why }.
saga-ended-stuck = The steps of { $action } rest until a person helps: { $why }.
timed = { $sentence } ({ $took })
wait = { $action } waits { $span }, until { $until }.
record-unreadable = Record { $seq } ({ $kind }) cannot be read by this version.

## The story
title = { $subject ->
    [none] { $trace } · { $state }
   *[other] { $trace } · { $subject } · { $state }
}
state-open = goes on
state-awaiting = waits for your word
state-escalated = a person is called
state-closed = over
dated = { $date }, times in UTC, offsets from the first signal
chapter-seen = What was seen
chapter-thought = What was thought
chapter-done = What was done
chapter-brought = What it brought
empty-seen = Nothing: it was not begun by a signal.
empty-thought = Nothing is recorded.
empty-done = Nothing was done.
empty-brought = Nothing is known yet.
left-out = { $count ->
    [one] one line in between is left out
   *[other] { $count } lines in between are left out
}
detail-evidence = { $count ->
    [one] It rests on one signal.
   *[other] It rests on { $count } signals within { $span }.
}
detail-considered = Considered: { $candidates }.
detail-step = Step { $step }: { $verb } – { $undo }.
detail-disturbs = { $count ->
    [0] It disturbs no instance that is ready.
    [one] It disturbs one instance that is ready.
   *[other] It disturbs { $count } instances that are ready.
}
detail-verification = It counts as fixed when it is ready within { $deadline } and stays so for { $window }.
detail-prediction = { $outcome ->
    [fixed] Predicted chance of success: { $predicted } %. It worked.
    [no-effect] Predicted chance of success: { $predicted } %. It did not work.
   *[unknown] Predicted chance of success: { $predicted } %. Whether it worked cannot be told.
}
summary-repaired = { $attempts ->
    [one] { $subject }: { $finding }. Repaired and verified in { $took }, at the first attempt.
   *[other] { $subject }: { $finding }. Repaired and verified in { $took }, after { $attempts } attempts.
}
summary-recovered = { $attempts ->
    [0] { $subject }: { $finding }. It came back by itself after { $took }.
    [one] { $subject }: { $finding }. It came back by itself after { $took }; one attempt had not fixed it.
   *[other] { $subject }: { $finding }. It came back by itself after { $took }; { $attempts } attempts had not fixed it.
}
summary-not-wanted = { $attempts ->
    [0] { $subject }: { $finding }. Given up after { $took }, because it is no longer wanted.
    [one] { $subject }: { $finding }. Given up after { $took } and one attempt, because it is no longer wanted.
   *[other] { $subject }: { $finding }. Given up after { $took } and { $attempts } attempts, because it is no longer wanted.
}
summary-awaiting = { $attempts ->
    [0] { $subject }: { $finding }. { $action } waits for your word: homeostat approve { $action }
    [one] { $subject }: { $finding }. After one attempt { $action } waits for your word: homeostat approve { $action }
   *[other] { $subject }: { $finding }. After { $attempts } attempts { $action } waits for your word: homeostat approve { $action }
}
summary-escalated = { $attempts ->
    [0] { $subject }: { $finding }. A person is called.
    [one] { $subject }: { $finding }. One attempt has not fixed it and a person is called.
   *[other] { $subject }: { $finding }. { $attempts } attempts have not fixed it and a person is called; the engine goes on trying.
}
summary-open = { $attempts ->
    [0] { $subject }: { $finding }. Nothing has been tried yet.
    [one] { $subject }: { $finding }. One attempt so far.
   *[other] { $subject }: { $finding }. { $attempts } attempts so far.
}
summary-action = { $end ->
    [done] { $action }, { $class } of { $subject }: done.
    [undone] { $action }, { $class } of { $subject }: taken back.
    [parked] { $action }, { $class } of { $subject }: waits for a person to find out what happened.
    [stuck] { $action }, { $class } of { $subject }: stuck, needs a person.
   *[open] { $action }, { $class } of { $subject }: not at its end yet.
}

## Status
phase-waiting = waiting
phase-starting = starting
phase-ready = ready
phase-unhealthy = unhealthy
phase-stopping = stopping
phase-down = down
phase-resting = resting
phase-stopped = stopped
status-all-ready = { $count ->
    [0] No service is declared.
    [one] The one service is ready.
    [2] Both services are ready.
   *[other] All { $count } services are ready.
}
status-some-ready = { $ready } of { $count } services ready. Not ready: { $names }.
status-resting = Resting until a request comes: { $names }.
status-paused = Paused: { $scopes }. The engine watches and does not act; `homeostat resume` lets it act again.
status-cannot-act = The engine cannot act: { $why }.
status-configuration-refused = { $count ->
    [one] The changed configuration was not taken, the one before stays in force: { $why }. homeostat check shows it.
   *[other] The changed configuration was not taken, the one before stays in force; { $count } problems, the first: { $why }. homeostat check shows all.
}
status-settings-refused = { $service } refuses its changed settings and goes on with those before: { $why }
status-listener-missing = { $service } cannot listen as its settings say, tries again, and does all else: { $why }
status-certificates-refused = { $service } cannot use its changed certificates and shows those before: { $why }
status-shutting-down = The engine is ending.
status-awaiting = { $action } waits for your word: homeostat approve { $action }
status-left-to-you = The engine may not repair { $service } by itself (autonomy): homeostat resume { $service } starts it again
status-escalated = A person is called. What it wrote: homeostat logs { $service }
status-engine = Engine up for { $up }; repaired: { $fixed }, without effect: { $failed }, calls for a person: { $escalations }.
status-engine-begins = The engine has just been started, and looks at what runs.
episode-open = { $attempts ->
    [0] { $episode } { $subject }: { $finding }; nothing tried yet.
    [one] { $episode } { $subject }: { $finding }; one attempt so far.
   *[other] { $episode } { $subject }: { $finding }; { $attempts } attempts so far.
}
column-service = service
column-instance = nr
column-phase = state
column-pid = pid
column-port = port
column-up-for = up for
column-restarts = restarts
column-requests = requests/s
column-errors = failed
column-p99 = p99
column-episode = episode
column-began = began (UTC)
column-state = state
column-summary = what happened

## Answers of the command line
check-ok = { $count ->
    [0] { $file } is well formed, but names no service.
    [one] { $file } is well formed: one service.
   *[other] { $file } is well formed: { $count } services.
}
check-ok-gateway = { $file } is well formed: { $count ->
    [0] no service
    [one] one service
   *[other] { $count } services
} and a gateway with { $routes ->
    [0] no route yet
    [one] one route
   *[other] { $routes } routes
}.
gateway-none = There is no [gateway] section, so there is no gateway. A first one is two lines: [gateway.routes.NAME] and to = "SERVICE".
gateway-check-ok = The gateway is well formed: { $routes ->
    [0] no route yet
    [one] one route
   *[other] { $routes } routes
} to { $upstreams ->
    [0] no upstream
    [one] one upstream
   *[other] { $upstreams } upstreams
}, listening on { $listeners }.
gateway-does-forward = goes to { $names }
gateway-does-redirect = sends the client elsewhere ({ $status })
gateway-does-answer = answers { $status } itself
gateway-kept-always = { $period }
gateway-kept-unless-told = as told, or { $period }
gateway-kept-as-told = as told
gateway-try-none = No route takes { $path }: the gateway answers 404.
gateway-try-found = { $count ->
    [0] Route "{ $route }" takes { $path }: { $does }.
   *[other] Route "{ $route }" takes { $path }: { $does }. Caught: { $caught }
}
gateway-says-takes = takes it
gateway-says-later = would take it, and is less specific or later in order
gateway-says-host = is for other hosts: { $host }
gateway-says-path = is for other paths: { $path }
gateway-says-method = is for other methods: { $methods }
gateway-says-header = wants another value of the header { $name }
gateway-says-query = wants another value of the parameter { $name }
gateway-from-dns = every address of { $name }, port { $port }
gateway-from-service = every instance of service { $name }, its { $port ->
    [port] port
   *[other] port { $port }
}
column-route = route
column-host = host
column-path = path
column-further = also
column-auth = auth
column-cache = kept for
column-does = does
column-says = says
column-upstream = upstream
column-endpoints = endpoints
column-endpoint = endpoint
column-address = address
column-standing = standing
column-works = works
column-in-flight = in flight
column-kept = kept
gateway-endpoints-live = Live, as the running gateway sees it (process { $pid }):
gateway-endpoints-configured = No gateway answers; the configuration says:
gateway-nobody-there = { $count ->
    [0] nobody is there
    [one] nobody is there; one request waits
   *[other] nobody is there; { $count } requests wait
}
gateway-standing = { $standing ->
    [liked] well
    [doubted] doubted
   *[ejected] left out
}
tap-missed = { $count ->
    [one] One request was not shown, because they came faster than they could be written.
   *[other] { $count } requests were not shown, because they came faster than they could be written.
}
tap-attempts = { $count } attempts
init-written = { $count ->
    [0] Wrote { $file }, with an example to fill in. Next: homeostat check
    [one] Wrote { $file }, with one service found here. Next: homeostat check
   *[other] Wrote { $file }, with { $count } services found here. Next: homeostat check
}
up-detached = The engine runs in the background (process { $pid }); its log is { $log }.
up-already = An engine is running already.
down-waiting = Waiting for the engine to end ...
down-done = { $kept ->
    [yes] The engine has ended; the services run on.
   *[no] The engine has ended, and the services with it.
}
answer-paused = Paused: { $scope }. The engine watches and does not act.
answer-resumed = The engine acts again on { $scope }.
answer-started = { $service } starts.
answer-paused-offline = No engine answers: { $file } now keeps the next one from acting.
answer-resumed-offline = No engine answers: { $file } is removed, the next one may act.
answer-already = It was so already.
answer-approved = { $action } is approved.
answer-rejected = { $action } is dropped.
answer-undone = { $action } is being taken back.
answer-undone-by = { $action } is being taken back by { $by }. Its instance then stays as it is until `homeostat resume` names its service.
journal-sound = { $records ->
    [0] The journal is sound: it has no records yet.
    [one] The journal is sound: one record, every hash agrees.
   *[other] The journal is sound: { $records } records ({ $first } to { $last }), every hash agrees.
}
journal-broken = The journal is broken: { $fault }.
journal-saved = { $bytes } bytes saved in { $folder }, up to record { $last }, and verified.
episodes-none = No episode yet.
story-cut = Only the first { $count } records of this story were read; `homeostat journal export` has them all.
