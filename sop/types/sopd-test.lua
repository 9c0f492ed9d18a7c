---@meta sopd-test
-- sopd-test.lua -- annotations of everything that SOP tests (sop/tests/*_test.lua) see, for editors with the Lua language server.
-- Nothing here runs. docs/lua.md, "Testing a flow", explains each name.

---@class sopd.TestOptions
---@field playbook table|string # as in sop/playbooks, only what matters; or the name of a playbook there
---@field tags string[]?        # of the demo group, the strongest first
---@field start string?         # the clock's first moment, "2026-03-02 10:00"
---@field flow string?          # whose state g:state reads; default: the name of the test

---@class sopd.CaseOptions
---@field playbook table|string|nil
---@field tags string[]?
---@field start string?
---@field flow string?

---@class sopd.Test
local t = {}
---@param name string
---@param fn fun(g: sopd.TestGroup)
---@overload fun(self: sopd.Test, name: string, options: sopd.CaseOptions, fn: fun(g: sopd.TestGroup))
function t:case(name, fn) end
---As g:http, for all cases.
---@param address string
---@param answer sopd.WebAnswer
function t:http(address, answer) end
---As g:llm, for all cases.
---@param answer sopd.LlmFake?
---@param budget { calls_per_day: integer?, tokens_per_day: integer? }?
function t:llm(answer, budget) end

---@class sopd.WebRequest
---@field method string
---@field url string
---@field headers table<string, string>
---@field body string
---@field json any
---@field llm boolean # it was for the language model

---@class sopd.WebTable
---@field status integer? # 200
---@field body string?
---@field json any
---@field headers table<string, string>?
---@field delay sopd.Duration?
---@field error string? # "timeout", "no connection", "unknown host", "tls", "too large", "broken answer"

---@alias sopd.WebAnswer string|integer|sopd.WebTable|fun(request: sopd.WebRequest): string|integer|sopd.WebTable|nil

---@class sopd.LlmTable
---@field text string?
---@field tokens integer? # 50
---@field delay sopd.Duration?
---@field error string? # "timeout", "refused", "status 500", "no connection" ...

---@alias sopd.LlmFake string|sopd.LlmTable|fun(request: sopd.WebRequest): string|sopd.LlmTable|nil

---@param name string
---@param options sopd.TestOptions
---@return sopd.Test
function sop.test(name, options) end
---@param text string
---@return string # in hexadecimal
function sop.sha256(text) end

---What a message must be like. All that is given must hold.
---@class sopd.Filter
---@field at string|string[]|nil    # who is @-ed, all of them
---@field plain boolean?            # nobody is @-ed
---@field text string|string[]|nil  # what it contains, all of it
---@field any string|string[]|nil   # it contains one of these
---@field match string?             # a Lua pattern
---@field dm string?                # in private to this person; else in the group
---@field chat string?              # in another chat: "staff", or a group that the case made
---@field anywhere boolean?         # in any chat

---@class sopd.SeenMessage
---@field text string
---@field at string[]
---@field chat string
---@field id string
---@field answers string? # what the platform told of the event that it answers
---@field time string

---Which runs. All that is given must hold.
---@class sopd.RunFilter
---@field flow string?
---@field on string?     # the handler: "command:报名", "on:join", "run:onboard"
---@field who string?    # whom it is about
---@field chat string?
---@field waits "ask"|"sleep"|"gather"|"sent"|nil
---@field status "waiting"|"stuck"|"failed"|nil

---@class sopd.TestRun: sopd.RunFilter
---@field id string
---@field due string?    # "2026-03-02 10:00:01"
---@field error string?

---@class sopd.TestGroup
local g = {}
-- steps
---@param who string
---@param text string
---@param options { chat: string? }?
---@return string id
function g:says(who, text, options) end
---@param who string
---@param text string
---@param options { chat: string? }?
---@return string id
function g:staff(who, text, options) end
---@param who string
---@param whom string
---@param text string?
---@return string id
function g:mention(who, whom, text) end
---@param who string
---@param text string
---@param options { to: string? }?
---@return string id
function g:reply(who, text, options) end
---@param who string
---@param caption string?
---@param options { chat: string? }?
---@return string id
function g:image(who, caption, options) end
---@param who string
---@param text string
---@return string id
function g:dm(who, text) end
---@param who string
---@param options { by: string?, chat: string? }?
function g:join(who, options) end
---@param who string
---@param options { by: string?, chat: string? }?
function g:leave(who, options) end
---@param who string
---@param whom string?
function g:poke(who, whom) end
---@param who string
function g:enter(who) end
---@param who string
---@param label string
---@param options { chat: string?, dm: string? }?
function g:press(who, label, options) end
---@param name "any"|"wecom"
function g:platform(name) end
---@param who string
---@param role "owner"|"admin"|"member"
function g:role(who, role) end
---@param fn fun()
function g:together(fn) end
---@param ago sopd.Duration
---@param fn fun()
function g:missed(ago, fn) end
---@param duration sopd.Duration
function g:advance(duration) end
---What is outside answers so from now on.
---@param address string # * stands for anything
---@param answer sopd.WebAnswer
function g:http(address, answer) end
---@param answer sopd.LlmFake? # nil: there is no language model
---@param budget { calls_per_day: integer?, tokens_per_day: integer? }?
function g:llm(answer, budget) end
---@return sopd.WebRequest[] # what was asked so far, oldest first
function g:requests() end
---@param moment string # "20:30", "2026-03-05 09:00"
function g:at(moment) end
function g:restart() end
---The platform reports the last step in which people did something once more, under the same ids; returns how much that was.
---@return integer
function g:again() end
---Now, or during what comes next.
---@param options { during: "input"|"commit"|"send" }?
function g:kill(options) end
---@param flow string
---@param value "on"|"off"|"unset"
function g:toggle(flow, value) end
---@return integer # how much was reported once more
function g:again() end
---@param file string # "flows/checkin.lua"
---@param what string
---@param with string
function g:edit(file, what, with) end
---@param name string # "checkin.done"
---@param value string?
---@param options { chat: string }?
function g:param(name, value, options) end

---A setting is written as with `redis-cli`, in one of its layers; the field of `staff` is a name, of `chat-tags` a chat.
---@param kind "toggles"|"params"|"paused"|"staff"|"versions"|"chat-tags"
---@param layer { chat?: string, tag?: string, gateway?: boolean }
---@param field string
---@param value string?
function g:setting(kind, layer, field, value) end
---@param n integer
---@param outcome "unknown"|"failed"|"muted"|"limited"|"unwritten"|"crowded"|"closed"
---@param duration sopd.Duration? # muted, crowded: for how long
function g:fail_sends(n, outcome, duration) end
---@param ... string # capabilities: "dm", "at", ...
function g:lacks(...) end
---@param who string
---@param tag string
function g:tag(who, tag) end
---@param who string
---@param tag string
function g:untag(who, tag) end
-- expectations
---@param filter sopd.Filter?
---@return sopd.SeenMessage
function g:expect(filter) end
---@param filter sopd.Filter?
function g:expect_none(filter) end
---@param n integer
---@param filter sopd.Filter?
function g:expect_count(n, filter) end
---@param text string
function g:expect_action(text) end
---@param duration sopd.Duration?
function g:silent(duration) end
---@param place "member"|"profile"|"group"|"hash"
---@param ... string|table # who or which (not for "group"), the fields, flow
function g:expect_state(place, ...) end
---@param name string
---@param wanted { [1]: string, [2]: number }[] # who and score, best first
---@param flow string?
function g:expect_board(name, wanted, flow) end
---@param who string
---@param tags string[]
function g:expect_tags(who, tags) end
---@param name string
---@param fields table? # of its data; who: whom it is about
---@return table data
function g:expect_event(name, fields) end
---@param name string
---@param fields table?
function g:expect_no_event(name, fields) end
---@param fields table<string, integer|false>
---@param day integer?
---@param chat string?
function g:expect_tally(fields, day, chat) end
---@param n integer
---@param filter sopd.RunFilter|string|nil # a text: the flow
function g:expect_runs(n, filter) end
---@param got any
---@param wanted any
---@param what string?
function g:equal(got, wanted, what) end
-- looking
---@param filter sopd.Filter?
---@return sopd.SeenMessage[]
function g:seen(filter) end
---@param place "member"|"profile"|"group"|"hash"|"counter"|"list"|"set"
---@param ... string # who or which (not for "group"), field (of those that have fields), flow
---@return any
function g:state(place, ...) end
---@param day integer? # default: the newest
---@param chat string?
---@return table<string, integer>
function g:tally(day, chat) end
---@param name string
---@param flow string?
---@return { [1]: string, [2]: number }[]
function g:board(name, flow) end
---@param filter sopd.RunFilter|string|nil
---@return sopd.TestRun[]
function g:runs(filter) end
---@param who string
---@return string[]
function g:tags(who) end
---@param who string
---@param order { id: string, amount: integer, items: any[]?, data: table?, chat: string|false|nil }
function g:order(who, order) end
---@param name string
---@param opts { flow: string?, user: string?, args: table?, chat: string?, tag: string?, all: boolean? }?
function g:trigger(name, opts) end
---@param entry table<string, any> # fields of an entry of sopd:commands
function g:command(entry) end
---@return table<string, string>[] # entries that were refused, with their reason
function g:refused() end
---@param name string
---@return table[]
function g:events(name) end
---@param name string
---@return table[]
function g:audit(name) end
---@return string # "2026-03-02 10:00:01"
function g:time() end
---@return integer # how often the daemon was killed in this case
function g:deaths() end
---@param who string
---@return string
function g:id(who) end
---@param place "member"|"profile"|"group"|"hash"
---@param ... any # who or which (not for "group"), the fields (false: taken out), flow
function g:write(place, ...) end
---@return string
function g:flow() end
