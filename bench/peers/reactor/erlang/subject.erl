%% The Erlang subject of `cargo xtask bench reactor`: the same events and operators as every other subject, as processes.
%%
%% erl -noshell -run subject main CASE VARIANT EVENTS WARM_UP
%%   CASE     loop: a producer and a consumer that takes the most urgent first and sums;
%%            stream: five processes, one for each of map, filter, group, window, reduce; the first takes the most urgent first
%%            flood: see flood/2; EVENTS is then the seconds, WARM_UP the microseconds a handler is busy
%%   VARIANT  default: one message an event, priorities by selective receive
%%            tuned: lists of events as messages, priorities by sorting what waits
%% Protocol: writes `ready`, waits for a line, works, writes `done {json}`, waits for the end of its input.
-module(subject).
-export([main/1]).

-define(KEYS, 1000).
-define(WINDOW_MS, 1000).
-define(EVENTS_PER_MS, 100).
%% An event of a lower class may be so much later than one of a higher class, in the time that events carry.
-define(LATENESS_MS, 500).
-define(CHECKSUM_MODULUS, 4294967296).

%% Mailboxes have no limit: the producer waits until what it sent has come through. Selective receive walks the mailbox, so
%% few events in flight are faster than many.
-define(MARK_EVERY, 16).
-define(MARKS_IN_FLIGHT, 2).
-define(BATCH, 256).

%% Bulk events that wait in the flood; more are dropped.
-define(BULK_MAX, 4096).
%% How long after the end of the flood a critical event may still come.
-define(GRACE_MS, 500).

main([Case, Variant, Count, WarmUp]) ->
    Run = fun(Amount) -> run(Case, Variant, Amount) end,
    case Case of
        "flood" -> ok;
        _ -> Run(list_to_integer(WarmUp))
    end,
    io:format("ready~n"),
    io:get_line(""),
    Began = erlang:monotonic_time(nanosecond),
    {Checksum, Results, Figures} =
        case Case of
            "flood" -> flood(Variant, list_to_integer(Count), list_to_integer(WarmUp));
            _ -> Run(list_to_integer(Count))
        end,
    Wall = erlang:monotonic_time(nanosecond) - Began,
    io:format("done {\"wall_ns\":~b,\"checksum\":~b,\"results\":~b,\"figures\":{~s}}~n",
              [Wall, Checksum, Results, Figures]),
    io:get_line(""),
    halt(0).

run("loop", Variant, Count) ->
    Self = self(),
    Consumer = case Variant of
        "default" -> start(fun() -> consume_one(Self, 0, 0) end);
        "tuned" -> start(fun() -> consume_lists(Self, 0, 0) end)
    end,
    produce(Variant, Consumer, Count),
    receive {result, Sum, Handled} -> {Sum, Handled, ""} end;
run("stream", Variant, Count) ->
    Self = self(),
    First = case Variant of
        "default" ->
            Reduce = start(fun() -> reduce_one(Self, #{}, 0, 0) end),
            Window = start(fun() -> window_one(Reduce, 0, 0) end),
            Group = start(fun() -> group_one(Window) end),
            Filter = start(fun() -> filter_one(Group) end),
            start(fun() -> map_one(Filter) end);
        "tuned" ->
            Reduce = start(fun() -> reduce_lists(Self, #{}, 0, 0) end),
            Window = start(fun() -> window_lists(Reduce, 0, 0) end),
            Group = start(fun() -> group_lists(Window) end),
            Filter = start(fun() -> filter_lists(Group) end),
            start(fun() -> map_lists(Filter) end)
    end,
    produce(Variant, First, Count),
    receive {result, Checksum, Results} -> {Checksum, Results, ""} end.

%% A bigger first heap saves the first collections of a process that is busy all its life.
start(Body) -> spawn_opt(Body, [link, {min_heap_size, 65536}]).

%% ---- the producer --------------------------------------------------------------------------------------------------

produce("default", To, Count) -> produce_one(To, 16#9e3779b9, 0, Count, 0);
produce("tuned", To, Count) -> produce_lists(To, 16#9e3779b9, 0, Count, 0).

produce_one(To, _State, Count, Count, Marks) ->
    await_marks(Marks, 0),
    To ! stop;
produce_one(To, State, Number, Count, Marks) ->
    {Event, Next} = event(State, Number),
    To ! Event,
    case (Number + 1) rem ?MARK_EVERY of
        0 ->
            To ! {mark, self()},
            produce_one(To, Next, Number + 1, Count, await_marks(Marks + 1, ?MARKS_IN_FLIGHT));
        _ -> produce_one(To, Next, Number + 1, Count, Marks)
    end.

produce_lists(To, _State, Count, Count, Marks) ->
    await_marks(Marks, 0),
    To ! stop;
produce_lists(To, State, Number, Count, Marks) ->
    Size = min(?BATCH, Count - Number),
    {Events, Next} = events(State, Number, Number + Size, []),
    To ! {events, Events},
    To ! {mark, self()},
    produce_lists(To, Next, Number + Size, Count, await_marks(Marks + 1, ?MARKS_IN_FLIGHT)).

%% Waits until at most Max marks are on their way.
await_marks(Marks, Max) when Marks =< Max -> Marks;
await_marks(Marks, Max) -> receive marked -> await_marks(Marks - 1, Max) end.

events(State, End, End, Events) -> {lists:reverse(Events), State};
events(State, Number, End, Events) ->
    {Event, Next} = event(State, Number),
    events(Next, Number + 1, End, [Event | Events]).

%% The same sequence as in bench/src/reactor/events.rs.
event(State, Number) ->
    A = (State bxor (State bsl 13)) band 16#ffffffff,
    B = A bxor (A bsr 17),
    Random = (B bxor (B bsl 5)) band 16#ffffffff,
    Class = class(Random rem 100),
    {{Class, (Random div 100) rem ?KEYS, (Random div 100000) rem 1000, Number div ?EVENTS_PER_MS}, Random}.

class(Part) when Part < 1 -> critical;
class(Part) when Part < 5 -> act;
class(Part) when Part < 20 -> detect;
class(Part) when Part < 50 -> sense;
class(_) -> bulk.

%% ---- the loop ------------------------------------------------------------------------------------------------------

%% The most urgent message that waits.
urgent() ->
    receive {critical, _, _, _} = Event -> Event
    after 0 -> receive {act, _, _, _} = Event -> Event
    after 0 -> receive {detect, _, _, _} = Event -> Event
    after 0 -> receive {sense, _, _, _} = Event -> Event
    after 0 -> receive Any -> Any
    end end end end end.

consume_one(Parent, Sum, Handled) ->
    case urgent() of
        {_, _, Value, _} -> consume_one(Parent, Sum + Value, Handled + 1);
        {mark, Producer} -> Producer ! marked, consume_one(Parent, Sum, Handled);
        stop -> Parent ! {result, Sum, Handled}
    end.

%% Everything that waits: its events sorted by class, the most urgent first, and the control messages after them.
waiting() -> receive Message -> waiting(Message, {[], [], [], [], []}, []) end.

waiting({events, Events}, Lanes, Control) -> more(sort(Events, Lanes), Control);
waiting(Message, Lanes, Control) -> more(Lanes, [Message | Control]).

more(Lanes, Control) ->
    receive Message -> waiting(Message, Lanes, Control)
    after 0 -> {Lanes, lists:reverse(Control)}
    end.

sort([], Lanes) -> Lanes;
sort([Event | Rest], {A, B, C, D, E}) ->
    case element(1, Event) of
        bulk -> sort(Rest, {A, B, C, D, [Event | E]});
        sense -> sort(Rest, {A, B, C, [Event | D], E});
        detect -> sort(Rest, {A, B, [Event | C], D, E});
        act -> sort(Rest, {A, [Event | B], C, D, E});
        critical -> sort(Rest, {[Event | A], B, C, D, E})
    end.

consume_lists(Parent, Sum, Handled) ->
    {{A, B, C, D, E}, Control} = waiting(),
    {Total, Count} = lists:foldl(fun add_values/2, {Sum, Handled}, [A, B, C, D, E]),
    case answer(Control) of
        go_on -> consume_lists(Parent, Total, Count);
        stop -> Parent ! {result, Total, Count}
    end.

%% A lane holds its newest first; for a sum the order within a class does not matter.
add_values([], Totals) -> Totals;
add_values([{_, _, Value, _} | Rest], {Sum, Count}) -> add_values(Rest, {Sum + Value, Count + 1}).

answer([]) -> go_on;
answer([{mark, Producer} | Rest]) -> Producer ! marked, answer(Rest);
answer([stop | _]) -> stop.

%% ---- the stream, one message an event ------------------------------------------------------------------------------

map_one(To) ->
    case urgent() of
        {Class, Key, Value, At} -> To ! {Class, Key, Value * 3 + 1, At}, map_one(To);
        Control -> To ! Control, Control =:= stop orelse map_one(To)
    end.

filter_one(To) ->
    receive
        {_, _, Value, _} when Value rem 8 =:= 0 -> filter_one(To);
        stop -> To ! stop;
        Other -> To ! Other, filter_one(To)
    end.

group_one(To) ->
    receive
        {_, Key, Value, At} -> To ! {Key, Value, At}, group_one(To);
        stop -> To ! stop;
        Mark -> To ! Mark, group_one(To)
    end.

%% Open is the first window that is not closed yet.
window_one(To, Newest, Open) ->
    receive
        {mark, _} = Mark -> To ! Mark, window_one(To, Newest, Open);
        {Key, Value, At} ->
            To ! {At div ?WINDOW_MS, Key, Value},
            Latest = max(Newest, At),
            window_one(To, Latest, close(To, Open, Latest));
        stop -> To ! stop
    end.

close(To, Open, Newest) ->
    case Newest - ?LATENESS_MS >= (Open + 1) * ?WINDOW_MS of
        true -> To ! {close, Open}, close(To, Open + 1, Newest);
        false -> Open
    end.

reduce_one(Parent, Windows, Checksum, Results) ->
    receive
        {mark, Producer} -> Producer ! marked, reduce_one(Parent, Windows, Checksum, Results);
        {close, Window} ->
            {Sum, Count} = tally(Window, maps:get(Window, Windows, #{}), Checksum, Results),
            reduce_one(Parent, maps:remove(Window, Windows), Sum, Count);
        {Window, Key, Value} -> reduce_one(Parent, add(Window, Key, Value, Windows), Checksum, Results);
        stop -> finish(Parent, Windows, Checksum, Results)
    end.

add(Window, Key, Value, Windows) ->
    Groups = maps:get(Window, Windows, #{}),
    Windows#{Window => add(Key, Value, Groups)}.

add(Key, Value, Groups) ->
    case Groups of
        #{Key := {Sum, Count}} -> Groups#{Key := {Sum + Value, Count + 1}};
        _ -> Groups#{Key => {Value, 1}}
    end.

finish(Parent, Windows, Checksum, Results) ->
    {Sum, Count} = maps:fold(fun(Window, Groups, {C, R}) -> tally(Window, Groups, C, R) end, {Checksum, Results}, Windows),
    Parent ! {result, Sum, Count}.

%% One number that any wrong window changes.
tally(Window, Groups, Checksum, Results) ->
    maps:fold(
      fun(Key, {Sum, Count}, {C, R}) ->
          {(C + (Window * ?KEYS + Key + 1) * (Sum * 31 + Count)) rem ?CHECKSUM_MODULUS, R + 1}
      end,
      {Checksum, Results}, Groups).

%% ---- the stream, lists of events as messages -----------------------------------------------------------------------

map_lists(To) ->
    {{A, B, C, D, E}, Control} = waiting(),
    case lists:foldl(fun map_lane/2, [], [E, D, C, B, A]) of
        [] -> ok;
        Mapped -> To ! {events, Mapped}
    end,
    [To ! Message || Message <- Control],
    lists:member(stop, Control) orelse map_lists(To).

%% The lanes come the least urgent first, each with its newest first: what is put in front last comes out first.
map_lane([], Mapped) -> Mapped;
map_lane([{Class, Key, Value, At} | Rest], Mapped) -> map_lane(Rest, [{Class, Key, Value * 3 + 1, At} | Mapped]).

filter_lists(To) ->
    receive
        {events, Events} ->
            To ! {events, [Event || {_, _, Value, _} = Event <- Events, Value rem 8 =/= 0]},
            filter_lists(To);
        stop -> To ! stop;
        Mark -> To ! Mark, filter_lists(To)
    end.

group_lists(To) ->
    receive
        {events, Events} ->
            To ! {events, [{Key, Value, At} || {_, Key, Value, At} <- Events]},
            group_lists(To);
        stop -> To ! stop;
        Mark -> To ! Mark, group_lists(To)
    end.

window_lists(To, Newest, Open) ->
    receive
        {events, Events} ->
            {Latest, Windowed} = windowed(Events, Newest, []),
            To ! {events, Windowed},
            window_lists(To, Latest, close(To, Open, Latest));
        stop -> To ! stop;
        Mark -> To ! Mark, window_lists(To, Newest, Open)
    end.

windowed([], Newest, Windowed) -> {Newest, Windowed};
windowed([{Key, Value, At} | Rest], Newest, Windowed) ->
    windowed(Rest, max(Newest, At), [{At div ?WINDOW_MS, Key, Value} | Windowed]).

reduce_lists(Parent, Windows, Checksum, Results) ->
    receive
        {events, Events} -> reduce_lists(Parent, add_all(Events, Windows), Checksum, Results);
        {close, Window} ->
            {Sum, Count} = tally(Window, maps:get(Window, Windows, #{}), Checksum, Results),
            reduce_lists(Parent, maps:remove(Window, Windows), Sum, Count);
        {mark, Producer} -> Producer ! marked, reduce_lists(Parent, Windows, Checksum, Results);
        stop -> finish(Parent, Windows, Checksum, Results)
    end.

add_all([], Windows) -> Windows;
add_all([{Window, _, _} | _] = Events, Windows) ->
    {Groups, Rest} = add_run(Window, Events, maps:get(Window, Windows, #{})),
    add_all(Rest, Windows#{Window => Groups}).

%% As long as the window stays the same, its groups need not be looked up again.
add_run(Window, [{Window, Key, Value} | Rest], Groups) -> add_run(Window, Rest, add(Key, Value, Groups));
add_run(_, Rest, Groups) -> {Groups, Rest}.

%% ---- critical events during a flood of bulk events -----------------------------------------------------------------

%% A handler that is busy for so many microseconds an event is offered twice as many bulk events as it can take, and 1,000
%% critical ones a second. `default` finds them by selective receive in a mailbox without limit; `tuned` takes out all that
%% waits after every event, critical ones into a queue of their own, and drops bulk events over the limit.
flood(Variant, Seconds, BusyMicros) ->
    Self = self(),
    Began = erlang:monotonic_time(nanosecond),
    End = Began + Seconds * 1000000000,
    Busy = BusyMicros * 1000,
    Consumer = case Variant of
        "default" -> start(fun() -> flooded_one(Self, End, Busy, []) end);
        "tuned" -> start(fun() -> flooded_sorted(Self, End, Busy, queue:new(), queue:new(), 0, []) end)
    end,
    start(fun() -> offer(bulk, Consumer, Self, Began, End, Busy div 2, 0) end),
    start(fun() -> offer(critical, Consumer, Self, Began, End, 1000000, 0) end),
    receive {offered, bulk, _} -> ok end,
    Offered = receive {offered, critical, Number} -> Number end,
    Latencies = receive {latencies, List} -> lists:sort(List) end,
    Handled = length(Latencies),
    At = fun(Share) -> lists:nth(max(1, ceil(Handled * Share)), Latencies) / 1000 end,
    Figures = io_lib:format(
        "\"critical_p50_us\":~.1f,\"critical_p99_us\":~.1f,\"critical_p999_us\":~.1f,\"critical_max_us\":~.1f,"
        "\"critical_offered\":~b,\"critical_lost\":~b",
        [At(0.5), At(0.99), At(0.999), At(1.0), Offered, Offered - Handled]),
    {0, Handled, Figures}.

%% Sends what is due since it last looked, one event every Step nanoseconds on the whole.
offer(Class, To, Parent, Began, End, Step, Sent) ->
    Now = erlang:monotonic_time(nanosecond),
    Due = (min(Now, End) - Began) div Step,
    [To ! {Class, erlang:monotonic_time(nanosecond)} || _ <- lists:seq(Sent + 1, Due)],
    case Now >= End of
        true -> Parent ! {offered, Class, Due};
        false -> receive after 1 -> offer(Class, To, Parent, Began, End, Step, Due) end
    end.

flooded_one(Parent, End, Busy, Latencies) ->
    Message = receive {critical, _} = Event -> Event
              after 0 -> receive {_, _} = Event -> Event after 1 -> nothing end
              end,
    More = handle(Message, Busy, Latencies),
    case erlang:monotonic_time(nanosecond) >= End of
        true -> Parent ! {latencies, last(More)};
        false -> flooded_one(Parent, End, Busy, More)
    end.

flooded_sorted(Parent, End, Busy, Critical, Bulk, BulkLength, Latencies) ->
    {Urgent, Rest, Length} = take_in(Critical, Bulk, BulkLength),
    case erlang:monotonic_time(nanosecond) >= End of
        true ->
            Waiting = [erlang:monotonic_time(nanosecond) - At || {_, At} <- queue:to_list(Urgent)],
            Parent ! {latencies, last(Waiting ++ Latencies)};
        false ->
            case queue:out(Urgent) of
                {{value, Event}, Left} ->
                    flooded_sorted(Parent, End, Busy, Left, Rest, Length, handle(Event, Busy, Latencies));
                {empty, _} ->
                    {Out, Left} = queue:out(Rest),
                    case Out of
                        {value, Event} ->
                            More = handle(Event, Busy, Latencies),
                            flooded_sorted(Parent, End, Busy, Urgent, Left, Length - 1, More);
                        empty -> flooded_sorted(Parent, End, Busy, Urgent, Left, 0, Latencies)
                    end
            end
    end.

take_in(Critical, Bulk, Length) ->
    receive
        {critical, _} = Event -> take_in(queue:in(Event, Critical), Bulk, Length);
        {bulk, _} when Length >= ?BULK_MAX -> take_in(Critical, Bulk, Length);
        {bulk, _} = Event -> take_in(Critical, queue:in(Event, Bulk), Length + 1)
    after 0 -> {Critical, Bulk, Length}
    end.

handle(nothing, _, Latencies) -> Latencies;
handle({Class, At}, Busy, Latencies) ->
    Now = erlang:monotonic_time(nanosecond),
    spin(Now + Busy),
    case Class of
        critical -> [Now - At | Latencies];
        bulk -> Latencies
    end.

spin(Until) ->
    case erlang:monotonic_time(nanosecond) >= Until of
        true -> ok;
        false -> spin(Until)
    end.

%% After the end only critical events are looked for.
last(Latencies) ->
    receive {critical, At} -> last([erlang:monotonic_time(nanosecond) - At | Latencies])
    after ?GRACE_MS -> Latencies
    end.
