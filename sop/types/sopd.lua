---@meta sopd
-- sopd.lua -- annotations of everything that flows see, for editors with the Lua language server (EmmyLua comments). Nothing here runs.
-- docs/lua.md explains each name with an example. In VS Code: "Lua.workspace.library": ["sop/types"].

---@alias sopd.Duration string|number   # "10s", "5m", "1h30m", "2d"; a number is seconds
---@alias sopd.Clock string             # "20:30"
---@alias sopd.Value string|number|boolean|table|nil
---@alias sopd.Text string|string[]|sopd.Segment|(sopd.Segment|string)[] # a template, variants of it, or ready-made segments
---@alias sopd.Vars table<string, string|number|boolean|sopd.Segment|(sopd.Segment|string)[]>
---@alias sopd.Role "member"|"keeper"|"store"|"region"|"hq"|"owner"
---@alias sopd.EventName "message"|"join"|"leave"|"poke"|"recall"|"request"|"enter"|"button"|"mute"|"admin"|"card"|"file"|"reaction"|"essence"|"honor"|"chat"|"order"|"gap"|"other"
---@alias sopd.Capability "join"|"unmentioned"|"at"|"at_all"|"dm"|"proactive"|"image"|"buttons"|"history"|"recall"|"mute"|"kick"|"members"|"quote"|"echo"|"cards"|"drafts"

---A part of a message that is no text, made by sop.at and its like. It cannot be changed.
---@class sopd.Segment
---@field type "text"|"at"|"image"|"face"|"reply"
---@field id string?
---@field text string?

---A part of a message that came in.
---@class sopd.Part
---@field type "text"|"at"|"image"|"face"|"reply"|"voice"|"video"|"file"|"card"|"forward"|"other"
---@field kind string?  # the platform's own word
---@field id string?    # user, address, message id, ...
---@field text string

---@class sopd.Message
---@field id string?
---@field time integer  # seconds since 1970, the platform's
---@field text string
---@field segments sopd.Part[]

---@class sopd.Event
---@field type sopd.EventName|"trigger"|"schedule"|"timer"|"start"
---@field time integer
---@field due integer?        # schedule, timer: when it was due
---@field late integer?       # schedule, timer: seconds after that, 0 = on time; of an event: its age in seconds, if that is too late for an answer
---@field user string?
---@field name string?
---@field role string?        # the platform's: "owner", "admin", "member"
---@field operator string?
---@field target string?
---@field message_id string?
---@field reply_to string?
---@field sub string?
---@field flag string?
---@field text string?
---@field number integer?
---@field history boolean?    # fetched after a gap: state counts, late answers are not posted

---What a shop system reported.
---@class sopd.Order
---@field id string
---@field amount integer  # cents
---@field items any[]
---@field data table<string, any>

---@class sopd.Persona
---@field name string?
---@field call string?   # how members are called: 宝子, 家人们
---@field emoji integer?

---@class sopd.Export
---@field user string
---@field flows { name: string, title: string, fields: table<string, any> }[]  # those of this chat
---@field profile table<string, any>
---@field tags string[]
---@field opted_out boolean

---@class sopd.SayOptions
---@field at string[]?                    # users to @ at the beginning
---@field image string|sopd.Segment|(string|sopd.Segment)[]?
---@field quote boolean|string?           # quote the message answered, or the one with this id
---@field policy "resend"|"drop"|nil      # when it stays unknown whether the message arrived
---@field late sopd.Duration?             # not sent later than this
---@field kind "game"|"broadcast"|nil     # what it is: which limits concern it
---@field if_late "delay"|"merge"|"drop"|nil # when it has to wait
---@field chat string?                    # another chat of this gateway
---@field anytime boolean?                # also in quiet hours
---@field answer boolean?                 # it answers a member, although a timer sends it
---@field wait boolean?                   # wait until it is sent: the call returns the message id, or nil and why not
---@field buttons (string|sopd.Button)[]? # at most 6: a word is said when it is pressed
---@field card table?                     # the platform's own structure, instead of a text

---@class sopd.Button
---@field [1] string     # what stands on it, 1 to 20 characters
---@field say string?    # the word that is said when it is pressed; default: the label
---@field value string?  # instead: raises the event button with this text

---What somebody said or did, as a waiting call gives it.
---@class sopd.Answer
---@field type sopd.EventName
---@field user string
---@field name string
---@field role string?          # the platform's: "owner", "admin", "member"
---@field text string
---@field id string?            # of the message
---@field time integer
---@field segments sopd.Part[]
---@field mentions string[]     # others who are @-ed
---@field image string?         # the first picture
---@field quoted string?        # id of the message quoted
---@field at_me boolean
---@field at_other boolean
---@field from_bot boolean
---@field command string?       # ask{commands}: which of them
---@field args string           # the text behind it
---@field operator string?
---@field inviter string?       # join
---@field target string?
---@field sub string?
---@field flag string?
---@field number integer

---@class sopd.AskOptions
---@field from string|string[]?       # a user, several, or "anyone"; default: the speaker
---@field timeout sopd.Duration?      # "24h"
---@field till integer?              # instead of timeout: the moment (seconds) at which it is over
---@field match string?               # only what fits this pattern (PCRE2)
---@field commands string|string[]?   # only these words
---@field consume boolean?            # false: the other handlers see the message as well

---@class sopd.GatherOptions
---@field events sopd.EventName|sopd.EventName[]
---@field window sopd.Duration?       # "10s", from the call on
---@field till integer?               # instead of window: the moment (seconds) at which it is over
---@field max integer?                # 50, at most 500: ends the window
---@field from string|string[]?       # only of these users
---@field match string?               # messages: only what fits this pattern (PCRE2)

---@class sopd.UntilOptions
---@field at sopd.Clock
---@field days integer?               # the n-th day after the run's first day
---@field date string?                # "2026-03-01"
---@field weekday integer?            # the next such day, 1 = Monday

---@class sopd.HttpOptions
---@field url string                  # below an address that the configuration lists
---@field method string?              # "GET"; with a body "POST"
---@field query table<string, string|number|boolean>?
---@field headers table<string, string|number>?
---@field body string?                # at most 32 KiB
---@field json any                    # instead of body
---@field timeout sopd.Duration?      # "10s", at most "60s"
---@field retry boolean?              # may it be asked twice? default: GET and HEAD may
---@field redirects integer?          # 0 to 3, default 0

---@class sopd.HttpAnswer
---@field status integer
---@field ok boolean                  # 200 to 299
---@field headers table<string, string> # names in lower case
---@field body string
---@field json any

---@class sopd.LlmMessage
---@field role "system"|"user"|"assistant"
---@field content string

---@class sopd.LlmOptions
---@field prompt string?
---@field messages sopd.LlmMessage[]? # instead of prompt
---@field system string?              # instructions, in front
---@field model string?               # default: the configuration's
---@field max_tokens integer?         # at most the configuration's
---@field temperature number?
---@field timeout sopd.Duration?      # "8s"
---@field words string[]?             # an answer that has one is refused
---@field show boolean?               # members see it grow, where the platform can show that

---@class sopd.StopOptions
---@field tag string|string[]?        # the user has one of these tags
---@field leaves boolean?             # the user leaves the chat
---@field opts_out boolean?           # the user has opted out
---@field user string?                # default: the user of the run

---@class sopd.StartOptions
---@field user string|false?          # whom the run is about; default: the user of this handler
---@field chat string?                # another chat of this gateway
---@field key string?                 # at most one run of this key in that chat

---@class sopd.TimerOptions
---@field after sopd.Duration?
---@field at integer|sopd.Clock?   # seconds since 1970, or the next time the clock shows this
---@field key string?              # several timers of one name
---@field args table?              # handed to the handler, at most 4 KiB
---@field chat string?             # the handler runs in this chat of the gateway
---@field user false?              # it is the group's, not the member's whose turn sets it: there is no c.user, and it stays when they are forgotten

---Durable fields: plain assignment and reading; nil deletes; pairs() gives all.
---@class sopd.Fields
---@field [string] any

---@class sopd.Board
local Board = {}
---@param id string
---@param score number
function Board:set(id, score) end
---@param id string
---@return number?
function Board:get(id) end
---@param id string
---@param n number?
---@return number score
function Board:add(id, n) end
---@param id string
---@return boolean was_there
function Board:remove(id) end
---@param n integer?  # 10; at most 1000
---@return { id: string, score: number, place: integer }[]
function Board:top(n) end
---@param id string
---@return integer? place
---@return number? score
function Board:place(id) end
---@return integer
function Board:count() end
function Board:clear() end

---@class sopd.Days
local Days = {}
---@param i integer
---@return boolean new
function Days:mark(i) end
---@param i integer?  # without it: all days
---@return boolean? was_marked
function Days:clear(i) end
---@param i integer
---@return boolean
function Days:has(i) end
---@param from integer?
---@param to integer?
---@return integer
function Days:count(from, to) end
---@param from integer
---@param to integer
---@return integer[] # 0 or 1
function Days:range(from, to) end

---@class sopd.Counter
local Counter = {}
---@return integer
function Counter:get() end
---@param n integer
function Counter:set(n) end
---@param n integer?
---@return integer
function Counter:add(n) end

---@class sopd.List
local List = {}
---@param value sopd.Value
function List:push(value) end
---@return any # the last
function List:pop() end
---@return any # the first
function List:shift() end
---@return integer
function List:len() end
---@param from integer?
---@param to integer?
---@return any[]
function List:range(from, to) end
---@param n integer # how many of the last to keep
function List:trim(n) end
function List:clear() end

---@class sopd.Set
local Set = {}
---@param id string
---@return boolean new
function Set:add(id) end
---@param id string
---@return boolean was_there
function Set:remove(id) end
---@param id string
---@return boolean
function Set:has(id) end
---@return integer
function Set:count() end
---@return string[] # sorted
function Set:all() end
function Set:clear() end

---The context of a handler.
---@class sopd.Context
---@field user string?          # who caused it; in timers who the turn that set it was about
---@field name string?
---@field role sopd.Role
---@field chat string           # "700000001"; a private chat is "@" and the user
---@field chat_name string
---@field gateway string
---@field me string?            # our account
---@field text string
---@field args string           # command: the text behind the word
---@field command string?       # the command word that this message was
---@field refused boolean       # the message is a command for staff, and the speaker may not give it: keep silent
---@field event sopd.Event
---@field message sopd.Message?
---@field mentions string[]     # others who are @-ed
---@field at_me boolean
---@field at_other boolean
---@field quoted string?        # id of the message quoted
---@field private boolean
---@field inviter string?       # join
---@field operator string?
---@field from_bot boolean
---@field via string?           # a command for staff from elsewhere: where it was said
---@field flow string
---@field group sopd.Fields
---@field member sopd.Fields
---@field profile sopd.Fields
---@field persona sopd.Persona
---@field staff_chat string? where c:staff speaks: "qq1:700000099"
---@field order sopd.Order?   # in handlers of "order"
---@field params table<string, any>
local Context = {}

---@param text sopd.Text? # nil with a card
---@param vars sopd.Vars?
---@param opts sopd.SayOptions?
---@return boolean|string|nil sent # with wait = true: the message id
---@return string? why
function Context:say(text, vars, opts) end
---@param text sopd.Text
---@param vars sopd.Vars?
---@param opts sopd.SayOptions?
---@return boolean|string|nil sent # with wait = true: the message id
---@return string? why
function Context:reply(text, vars, opts) end
---@param user string
---@param text sopd.Text
---@param vars sopd.Vars?
---@param opts sopd.SayOptions?
---@return boolean|string|nil sent # with wait = true: the message id
---@return string? why
function Context:dm(user, text, vars, opts) end
---@param text sopd.Text
---@param vars sopd.Vars?
---@param opts sopd.SayOptions?
---@return boolean|string|nil sent # with wait = true: the message id
---@return string? why
function Context:staff(text, vars, opts) end
---@param text sopd.Text
---@param vars sopd.Vars?
---@return string
function Context:format(text, vars) end

---@param user string
---@param flow string?
---@param chat string?
---@return sopd.Fields
function Context:member_of(user, flow, chat) end
---@param user string
---@return sopd.Fields
function Context:profile_of(user) end
---@param name string
---@param opts { scope: "flow"|"chat"|"gateway" }?
---@return sopd.Fields
function Context:hash(name, opts) end
---@param fields sopd.Fields
---@param name string
---@param n integer?
---@return integer sum
function Context:add(fields, name, n) end
---@param fields sopd.Fields
function Context:drop(fields) end
---@param name string
---@return sopd.Board
function Context:board(name) end
---@param name string
---@param who string?
---@return sopd.Days
function Context:days(name, who) end
---@param name string
---@return sopd.Counter
function Context:counter(name) end
---@param name string
---@return sopd.List
function Context:list(name) end
---@param name string
---@return sopd.Set
function Context:set(name) end
---@param key string
---@param opts { ttl: sopd.Duration?, scope: "member"|"group"|"gateway"? }?
---@return boolean first
function Context:once(key, opts) end
---@param key string
---@param n integer
---@param window sopd.Duration
---@param opts { scope: "member"|"group"? }?
---@return boolean allowed
---@return integer? seconds # until the next one
function Context:limit(key, n, window, opts) end

---@param tag string
---@param user string?
---@return boolean new
function Context:tag(tag, user) end
---@param tag string
---@param user string?
---@return boolean had
function Context:untag(tag, user) end
---@param tag string
---@param user string?
---@return boolean
function Context:has_tag(tag, user) end
---@param user string?
---@return string[]
function Context:tags(user) end
---@param user string?
---@return string
function Context:display(user) end
---@param role sopd.Role
---@param user string|sopd.Answer|nil # of an answer, the role on the platform counts as well
---@return boolean
function Context:has_role(role, user) end
---@param user string|sopd.Answer
---@return sopd.Role
function Context:role_of(user) end
---@param out boolean?
---@param user string?
function Context:opt_out(out, user) end
---@param user string?
---@return boolean
function Context:opted_out(user) end
---@param user string?
---@return sopd.Export
function Context:export(user) end
---@param user string?
function Context:forget(user) end
---@return { user: string, name: string, role: string, joined: integer }[]?
---@return string? why
function Context:members() end

---@return integer seconds
function Context:now() end
---@param n integer? # days later
---@return string # "2026-11-22"
function Context:today(n) end
---@param date string?
---@return integer? day
---@return string? why
function Context:day(date) end
---@param day integer?
---@param format string?
---@return string
function Context:date(day, format) end
---@param format string?
---@param seconds integer?
---@return string
function Context:time(format, seconds) end
---@param day integer
---@param clock sopd.Clock
---@param opts { business: boolean? }? # the day is a business day: a time before its cut-off is the next calendar day's
---@return integer seconds
function Context:moment(day, clock, opts) end
---@param at number? # a moment; default: now
---@return integer? seconds
function Context:quiet_until(at) end
---@param name string
---@param opts sopd.TimerOptions
---@return boolean? set
---@return string? why
function Context:timer(name, opts) end
---@param name string
---@param key string?
---@param chat string?
---@return boolean? done
---@return string? why
function Context:cancel_timer(name, key, chat) end

---Waits for somebody to speak.
---@param opts sopd.AskOptions?
---@return sopd.Answer? answer
---@return "timeout"? why
function Context:ask(opts) end
---@param duration sopd.Duration
---@return integer late # seconds after its time
function Context:sleep(duration) end
---@param moment sopd.UntilOptions|integer # or seconds since 1970
---@return integer late # seconds after its time; a moment that is past returns at once
function Context:sleep_until(moment) end
---Collects what happens.
---@param opts sopd.GatherOptions
---@return sopd.Answer[] list
---@return "window"|"full" why
function Context:gather(opts) end
---Asks a web service, after everything so far is committed.
---@param opts sopd.HttpOptions|string # or the address
---@return sopd.HttpAnswer? answer
---@return string? why # "timeout", "no connection", "unknown": it may have been done ...
function Context:http(opts) end
---Has the language model of the configuration write.
---@param opts sopd.LlmOptions|string # or the prompt
---@return string? text
---@return integer|string tokens # or why there is no text: "off", "budget", "timeout", "refused", "status 500" ...
function Context:llm(opts) end
---Begins a run, which goes on by itself after this turn.
---@param run fun(c: sopd.Context, args: table)|string # what flow:run returned, its name, or "flow.name"
---@param args table? # handed to it, at most 4 KiB
---@param opts sopd.StartOptions?
---@return string? id
---@return string? why # "running": there is one of this key
function Context:start(run, args, opts) end
---Ends this handler and begins it anew, with these arguments and the newest version of the flow. Never returns.
---@param args table?
function Context:continue(args) end
---Ends this run (never returns), or another one of this chat.
---@param run string|{ key: string, chat: string? }|nil
---@return boolean cancelled
function Context:cancel(run) end
---@param key string
---@return string? id
function Context:running(key) end
---Ends the run, whenever it wakes, if one of these holds.
---@param rules sopd.StopOptions
function Context:stop_when(rules) end

---@param low integer?
---@param high integer?
---@return number
function Context:random(low, high) end
---@generic T
---@param list T[]
---@return T?
function Context:pick(list) end
---@generic T
---@param list T[]
---@return T[]
function Context:shuffle(list) end
---@param bytes integer?
---@return string hex
function Context:secret(bytes) end

---@param name string
---@param data table?
function Context:emit(name, data) end

---@class ExperimentOptions
---@field by "group"|"member"|nil
---@field outcome string?   the business event that counts
---@field per string?       by group: the event that outcomes are divided by
---@field better "more"|"less"|nil
---@field weights number[]?
---@field till string?      "2026-12-31"
---@field units integer?    how many groups or members are planned
---@field user string?      by member: somebody else than the speaker

---@param name string
---@param variants string[]
---@param options ExperimentOptions?
---@return string variant
function Context:experiment(name, variants, options) end

---@class Comparison
---@field level number
---@field kind "shares"|"means"
---@field arms { name: string, n: integer, mean: number?, sd: number?, hits: integer? }[]
---@field pairs { a: string, b: string, difference: number?, low: number?, high: number?, level: number, verdict: "better"|"worse"|"open"|"few", sentence: string }[]
---@field winner string?
---@field sentence string

---@class ExperimentResult: Comparison
---@field name string
---@field flow string
---@field by "group"|"member"
---@field outcome string?
---@field per string?
---@field units integer
---@field kept string?
---@field warning string?

---@return ExperimentResult[]
function Context:experiments() end
---@param name string
---@param data table?
function Context:audit(name, data) end
---@param what sopd.Capability
---@return boolean
function Context:can(what) end
---@param window sopd.Duration
---@return integer messages
function Context:traffic(window) end

-- Counting: nothing happens where nothing is counted.
---@param name string
---@param n integer?
function Context:count(name, n) end
---@param from integer?          # a day, as c:day(); default today
---@param to integer?
---@param chat string?
---@return { day: integer, [string]: integer }[]
function Context:tally(from, to, chat) end
---@param what string
---@param opts { id?: string, within?: sopd.Duration }?
---@return string? id
function Context:called(what, opts) end
---@param what string
---@param id string?
---@return boolean counts
function Context:responded(what, id) end
---@param from integer?
---@param to integer?
---@return { what: string, id: string, at: integer, members: integer?, responders: integer }[]
function Context:calls(from, to) end
---@return integer?              # members of the group besides the bot
function Context:size() end

---@alias sopd.Layer "chat"|"tag"|"gateway"|"global"

---@class sopd.FlowState
---@field name string
---@field title string
---@field on boolean
---@field why "playbook"|"toggle"|"paused"|"failing"
---@field menu string?           # its line in the menu
---@field layer sopd.Layer?      # toggle, paused: where that stands
---@field tag string?
---@field key string?            # the hash in Redis
---@field till integer?          # paused: until then, seconds; nil: until it is ended
---@field all boolean?           # paused: by a pause of everything

---@class sopd.Pause
---@field flow string            # "*": everything
---@field layer sopd.Layer
---@field tag string?
---@field key string
---@field till integer?

---@class sopd.RosterEntry
---@field user string
---@field role sopd.Role
---@field from "configuration"|"playbook"|"redis"
---@field layer sopd.Layer?
---@field tag string?
---@field key string?

---@class sopd.StaffGroup
---@field chat string
---@field name string            # the id where no name is known
---@field role sopd.Role
---@field command string?        # said: the command
---@field args string?           # said: the text behind it
---@field flow string?           # said: whose command
---@field takes_args boolean?
---@field anywhere boolean?      # said: the command works in private, too

---@param opts { chat?: string }?
---@return sopd.FlowState[]
function Context:flows(opts) end
---@param opts { chat?: string }?
---@return sopd.Pause[]
function Context:pauses(opts) end
---@param opts { chat?: string }?
---@return sopd.RosterEntry[]
---@return boolean keepers   # owners and admins of the platform count as keepers
function Context:roster(opts) end
---@param opts { role?: sopd.Role, user?: string, said?: boolean, resting?: boolean, count?: boolean }?
---@return sopd.StaffGroup[]|integer
---@return boolean everywhere    # the role holds for the whole gateway
function Context:chats(opts) end
---@param opts { chat?: string }?
---@return { flow: string, title: string, usage: string, role: sopd.Role }[]
function Context:commands(opts) end
---@param flow string
---@param state "on"|"off"|"default"
---@param opts { chat?: string }?
---@return boolean? done
---@return string? why
function Context:toggle(flow, state, opts) end
---@param flow string            # "*": everything
---@param opts { till?: number, chat?: string|string[], gateway?: boolean }?
---@return boolean? done
---@return string? why
function Context:pause(flow, opts) end
---@param flow string
---@param opts { chat?: string|string[], gateway?: boolean }?
---@return boolean? done
---@return string? why
function Context:resume(flow, opts) end
---A command for staff in another chat, as the speaker; its answers come here.
---@param chat string
---@param text string
---@param opts { mentions?: string[] }?
---@return boolean? done
---@return string? why
function Context:command_in(chat, text, opts) end
function Context:log(...) end

---@param id string?
---@return boolean? done
---@return string? why
function Context:recall(id) end
---@param user string
---@return boolean? done
---@return string? why
function Context:kick(user) end
---@param user string
---@param duration sopd.Duration? # 0 lifts it
---@return boolean? done
---@return string? why
function Context:mute(user, duration) end
---@param on boolean?
---@return boolean? done
---@return string? why
function Context:mute_all(on) end
---@param user string
---@param card string
---@return boolean? done
---@return string? why
function Context:rename(user, card) end
---@param accept boolean
---@param reason string?
---@return boolean? done
---@return string? why
function Context:answer_request(accept, reason) end
---@param emoji string
---@param id string?
---@return boolean? done
---@return string? why
function Context:react(emoji, id) end
Context.ack = Context.react
---@param text string
---@return boolean? done
---@return string? why
function Context:notice(text) end
---The card whose button was pressed, within 5 seconds.
---@param card table # as the platform describes it
---@param opts { only?: boolean }? # only for who pressed it
---@return boolean? done
---@return string? why
function Context:update_card(card, opts) end
---@param user string?
---@return boolean? done
---@return string? why
function Context:poke(user) end

---@class sopd.Param
---@field [1] "integer"|"number"|"boolean"|"string"|"strings"|"text"|"clock"|"duration"|"choice"|"table"
---@field default any
---@field min number|string?
---@field max number|string?
---@field values string[]?
---@field help string?
---@field texts string[]? # table: the fields that are texts, at whatever depth

---@class sopd.FlowOptions
---@field title string?
---@field menu string?                # the text parameter with its line in 帮助
---@field moved table<string, string>? # parameters that it had once, and "flow.parameter" that each is now
---@field params table<string, sopd.Param>?
---@field needs sopd.Capability[]?  # what it cannot do without
---@field wants (sopd.Capability[]|table<sopd.Capability, string>)?  # what it uses where it is there; with what is different without it
---@field kind "game"|"broadcast"|nil  # what its posts are
---@field tally boolean?             # its groups are counted
---@field late sopd.Duration?  # what is older is not answered (it counts); or the name of a parameter of type duration

---@class sopd.HandlerOptions
---@field private boolean?     # false: not in private chats
---@field group boolean?       # false: not in groups
---@field role sopd.Role|string? # least staff role, or the name of a choice parameter that says it
---@field image boolean?       # on("message"): only messages with a picture
---@field value string|string[]|nil # on("button"): only that value; "vote:*" = all that begin so
---@field args boolean|"glued"? # command: text may follow the word; "glued": without a blank
---@field shared boolean?      # command: other flows may have its words; it declines what is not its own
---@field posts boolean?       # at: false: it says nothing into the chat then
---@field late sopd.Duration?  # at, timer: still run when this late
---@field remote boolean?      # on, command with a role: in private and staff chats only, for staff of any group
---@field usage string?        # command with a role: how it is written, or the text parameter that says so

---@class sopd.Flow
local Flow = {}
---@param event sopd.EventName
---@param opts sopd.HandlerOptions
---@param fn fun(c: sopd.Context, args: table): boolean?
---@overload fun(self: sopd.Flow, event: sopd.EventName, fn: fun(c: sopd.Context): boolean?)
function Flow:on(event, opts, fn) end
---@param words string|string[] # a parameter's name, a word, or words
---@param opts sopd.HandlerOptions
---@param fn fun(c: sopd.Context, args: table): boolean?
---@overload fun(self: sopd.Flow, words: string|string[], fn: fun(c: sopd.Context): boolean?)
function Flow:command(words, opts, fn) end
---@param clock string # a parameter's name or "20:30"
---@param opts sopd.HandlerOptions
---@param fn fun(c: sopd.Context)
---@overload fun(self: sopd.Flow, clock: string, fn: fun(c: sopd.Context))
function Flow:at(clock, opts, fn) end
---@param name string
---@param opts sopd.HandlerOptions
---@param fn fun(c: sopd.Context, args: table)
---@overload fun(self: sopd.Flow, name: string, fn: fun(c: sopd.Context, args: table))
function Flow:timer(name, opts, fn) end

---@param name string # what outside systems call it
---@param fn fun(c: sopd.Context, args: table)
function Flow:trigger(name, fn) end
---@param name string
---@param fn fun(c: sopd.Context, args: table)
---@return fun(c: sopd.Context, args: table) # the same function, for c:start
function Flow:run(name, fn) end

---Every sample against the first: { name, values } or { name, n, mean, sd } (Welch), { name, n, hits } (Newcombe).
---@param samples { level: number?, better: "more"|"less"|nil, points: boolean?, [integer]: table }
---@return Comparison
function sop.compare(samples) end

---@class sopd.Sop
---@field nobody string  # "~": stands where a forgotten member stood in lists and tables
sop = {}
---@param name string # the file's name without .lua
---@param options sopd.FlowOptions?
---@return sopd.Flow
function sop.flow(name, options) end
---@param user string
---@param name string? # what stands there instead when enough messages reached them today
---@return sopd.Segment
function sop.at(user, name) end
---@return sopd.Segment
function sop.at_all() end
---@param url string
---@return sopd.Segment
function sop.image(url) end
---@param id string
---@return sopd.Segment
function sop.face(id) end
---@param text string|number
---@return sopd.Segment
function sop.text(text) end
---@param pattern string # PCRE2
---@param subject string
---@param start integer?
---@return string? ... # the groups, or the whole match
function sop.match(pattern, subject, start) end
---@param text string
---@return string hex
function sop.sha256(text) end

---What a report says of tallies: sums, shares between 0 and 1, percentiles; docs/metrics.md. Absent where there is nothing to divide by.
---@param tallies table[] of `c:tally`, of any days and groups
---@param calls? table[] of `c:calls`
---@return table<string, any>
function sop.figures(tallies, calls) end

---The sum of tallies, which is a tally again.
---@param tallies table[]
---@return table<string, integer>
function sop.add_tallies(tallies) end
---@param text sopd.Duration
---@return number seconds
function sop.duration(text) end
---@param value any
---@return string
function sop.json(value) end
---@param text string
---@return any
---@return string? why
function sop.unjson(text) end
---@param text string
---@return string
function sop.fold(text) end
---@generic T
---@param value T
---@return T
function sop.copy(value) end
