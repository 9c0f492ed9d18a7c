-- en.lua -- what the flows say, in English: the same keys as zh-CN.lua. One text or several variants each; {name} is filled in by
-- the flow; docs/lua.md has the rules of templates.
return {
  welcome = {
    greet = {
      "Welcome {names} 👋 Make yourself at home",
      "{names} joined us, welcome! Send \"menu\" to see what's on",
      "Good to have you here, {names}. Ask away any time",
    },
    back = {
      "Welcome back, {names}!",
      "{names} is back, we kept your seat 🌿",
      "Good to see you again, {names}",
    },
    enter = {
      "Hi, I'm here. Just type your question",
      "Hello! Send \"menu\" to see what I can do",
      "Hi there, how can I help? 😊",
    },
    touch1 = {
      "{names} your first day here: just reply if you want to know anything",
      "{names} send \"menu\" to see what is going on in the group",
      "{names} welcome! Look around, and call me any time 😊",
    },
    touch2 = {
      "{names} settled in? Try \"check in\" today",
      "{names} good morning! Tell me what you would like to see",
      "{names} day two! Anything you would like to know?",
    },
    touch3 = {
      "{names} how do you like it so far? 🌿",
      "{names} day three: come by in the evening, there is often a little game",
      "{names} anything unclear? We are always around",
    },
    touch4 = {
      "{names} one week together, thank you 🎉",
      "{names} a week already! Tell us what we can do better",
      "{names} a full week. Here's to many more",
    },
  },

  chaperone = {
    greeting = {
      "hi, have a lovely day ☀️",
      "hello! How is your day?",
      "hey {call}, good to see you",
      "here you are! Have a cup of tea first",
    },
    thanks = {
      "you're welcome",
      "glad it helped 😊",
      "no trouble at all, just call",
    },
    photo = {
      "lovely picture 📷",
      "that's a nice one, thanks for sharing",
      "this made my day, more please",
    },
    sorry = {
      "sorry about that; a colleague is looking into it now",
      "our apologies, somebody will get back to you",
      "sorry! We wrote it down and will follow up 🙏",
    },
    ask = {
      "let me ask a colleague, just a moment",
      "good question, I passed it on",
      "I want to get this right; a colleague will answer 😊",
    },
    small_talk = {
      "I can picture that",
      "well said",
      "haha, nice one",
      "you worked hard today",
      "count me in",
      "noted, thanks for sharing",
      "same here",
      "I see, learned something",
      "now I want to try it too",
      "take your time",
      "seen, and liked 👍",
      "life's little joys",
      "{call}, you have a way with words",
      "go on, we are listening",
      "you brighten up this group",
      "well done, a round of applause 👏",
      "good idea, I'll pass it on",
      "take a break when you're done",
      "I feel you",
      "the group is warmer with you around",
      "that hits home",
      "today's story received 📮",
      "I like that",
      "sounds delicious",
      "I know what you mean",
      "onwards, tomorrow will be better",
      "take care of yourself 🌿",
      "always nice to read you",
      "not bad at all, keep going",
      "alright, waiting for the next one",
    },
    evening = {
      "{names} I read everything you wrote today, thank you. Sleep well 🌙",
      "{names} it was busy today; a late reply: well done",
      "{names} thanks for sharing today, let's go on tomorrow",
    },
    to_staff = {
      "{duty} a question in {group}\n{name}: {quote}",
      "{duty} to be answered ({group})\n{name}: {quote}",
      "{duty} please have a look at {group}\n{name}: {quote}",
    },
    later_today = {
      "{who} my colleague is busy; you'll have an answer within {minutes} minutes",
      "{who} sorry for the wait, an answer comes within {minutes} minutes 🙏",
      "{who} not forgotten: somebody will answer within {minutes} minutes",
    },
    later_time = {
      "{who} everybody is off now; you are first in line at {time}",
      "{who} noted, you'll have an answer after {time} 🌙",
      "{who} nobody is on duty; a colleague will reply after {time}",
    },
  },

  checkin = {
    done = {
      "Checked in! Day {day}, {streak} in a row, number {place} today",
      "Day {day} is in ✅ {streak} in a row, you're number {place} today",
      "Done! {day} days in all, {streak} in a row, place {place} today",
      "Number {place} today, day {day} of {days}, {streak} in a row 💪",
    },
    already = {
      "You checked in already, see you tomorrow",
      "Today is safe: day {day}",
      "All done for today 😊",
    },
    need_photo = {
      "Please add a picture to today's check-in",
      "One picture is missing 📷 Send it together with the word",
      "It counts with a picture; try again with one",
    },
    need_text = {
      "Please add a line about today, like \"check in walked 10,000 steps\"",
      "One more sentence and it counts: what did you do today?",
      "This challenge asks for a line of text 😊",
    },
    need_signup = {
      "Send \"{word}\" first to take part",
      "You haven't signed up yet: send \"{word}\"",
      "Send \"{word}\" and start today 💪",
    },
    signed_up = {
      "You're in! From {date}, {days} days; send \"{word}\" every day",
      "Welcome to the {days}-day challenge, from {date}: \"{word}\" every day 💪",
      "Signed up. We start on {date} for {days} days, the word is \"{word}\"",
    },
    already_signed = {
      "You are in the challenge already, just send \"{word}\"",
      "No need to sign up again; don't forget \"{word}\" today",
      "You're in. Send \"{word}\" 😊",
    },
    not_started = {
      "The challenge starts on {date}; your place is kept",
      "Not yet: see you on {date}",
      "We set off together on {date} 💪",
    },
    over = {
      "Your {days} days are over; send \"{word}\" for another round",
      "This round is done. To go on, send \"{word}\"",
      "{days} days done, well done! \"{word}\" starts a new round 🌱",
    },
    over_fixed = {
      "These {days} days are over; we'll tell you when the next ones start",
      "This challenge has ended, see you in the next",
      "{days} days done, thank you for being part of it 🌱",
    },
    paused = {
      "Check-ins are paused; nothing is lost",
      "A break today; we go on where you stopped",
      "Paused for now, your streak is safe 🌿",
    },
    milestone = {
      "{days} days, wonderful 🎉",
      "You reached {days} days!",
      "{days} days in: everybody sees it",
    },
    prize_points = {
      "{points} points are yours",
      "{points} points added",
      "You get {points} points",
    },
    prize_coupon = {
      "You get \"{what}\", valid until {till}; send \"my coupons\"",
      "\"{what}\" is in your wallet until {till}: \"my coupons\"",
      "A coupon for you: \"{what}\", until {till} (\"my coupons\")",
    },
    finished = {
      "[Certificate] {name}: {days} days, not one missed 🏅",
      "[Certificate] Congratulations {name}, {days} days complete 🏅",
      "[Certificate] {name} said it and did it: {days} days 🏅",
    },
    card_earned = {
      "A makeup card for your streak; you have {cards}",
      "One more makeup card, {cards} in all",
      "Makeup card +1, now {cards}",
    },
    welcome_back = {
      "Your challenge was kept for you and goes on",
      "Welcome back, all your days are still here",
      "The days away don't count against you 🌱",
    },
    made_up = {
      "{date} is made up, {streak} in a row, {cards} cards left",
      "Made up: {date}. {streak} in a row, cards left: {cards}",
      "{date} filled in ✅ {streak} in a row, {cards} cards left",
    },
    makeup_none = {
      "Nothing to make up in the last {days} days, great",
      "No need: these days are all in",
      "That day is in already, keep the card 😊",
    },
    makeup_late = {
      "Only missed days of the last {days} days can be made up",
      "That day is out of reach; {days} days back is the limit",
      "Up to {days} days back; just don't miss today 🌱",
    },
    makeup_cards = {
      "No makeup cards left; streaks earn new ones",
      "Out of makeup cards. A streak brings another",
      "No cards left, no matter: go on today 🌱",
    },
    makeup_date = {
      "I couldn't read the date; try 3-2 or \"yesterday\"",
      "Write the date like 3-2",
      "Which day? For example 3-2 😊",
    },
    mine = {
      "{calendar}\n{total} of {days} days, {streak} in a row, {cards} makeup cards",
      "Your days: {calendar}\n{total} in all · {streak} in a row · {cards} cards",
      "{calendar}\n{total} days (of {days}), {streak} in a row, {cards} cards left",
    },
    mine_none = {
      "No check-ins yet: send \"{word}\" for day one",
      "Your calendar is empty, \"{word}\" lights it up",
      "The first square is waiting: \"{word}\" 🌱",
    },
    board = {
      "Leader board 🏆\n{lines}",
      "Those who keep going\n{lines}",
      "The board so far\n{lines}",
    },
    board_line = { "{place}. {name} {total} days ({streak} in a row)" },
    board_own = {
      "You are number {place} of {count}",
      "Your place: {place} of {count}",
      "Place {place} ({count} take part)",
    },
    board_empty = {
      "Nobody yet: \"{word}\" makes you number one",
      "The first place is free",
      "Empty so far, send \"{word}\" 😊",
    },
    seen = {
      "Just told you, please scroll up",
      "Nothing new since then",
      "Same as before, a bit further up 😊",
    },
    reminder = {
      "{names} today is still open, your streak is waiting: \"{word}\"",
      "{names} don't forget \"{word}\" before bed",
      "{names} one square is dark, light it up 🌙",
    },
    reminder_more = {
      "{names} and {rest} others: today is still open, \"{word}\"",
      "{names} and {rest} more, don't forget \"{word}\"",
      "{names}, and {rest} others, your streaks are waiting 🌙",
    },
    day_summary = {
      "{count} checked in today ({share}), well done 🌙",
      "{count} of {members} checked in today ({share}); on we go tomorrow",
      "Today: {count} check-ins, {share}. Sleep well",
    },
    summary_feats = {
      "Milestones today (days): {feats}",
      "Reached today (days): {feats}",
      "A hand for (days): {feats}",
    },
    summary_task = {
      "Tomorrow's task: {task}",
      "For tomorrow: {task}",
      "Tomorrow we do: {task}",
    },
    final_board = {
      "The {days} days are complete 🎉\n{lines}\n{members} took part, {finished} finished ({share})",
      "{days} days, thank you all 🎉\n{lines}\n{finished} of {members} finished ({share})",
      "The final board\n{lines}\n{days} days, {members} took part, {finished} finished, {share}",
    },
    staff_who = {
      "Please @ the member",
      "Whose day? @ them",
      "Form: command @member [date]",
    },
    staff_noted = {
      "Entered {date} for {name}, {total} days now",
      "{name}: {date} entered, {total} days in all",
      "Done: {name}, {date}, {total} days",
    },
    staff_undone = {
      "Removed {date} of {name}, {total} days now",
      "{name}: {date} removed, {total} days left",
      "Removed: {name}, {date}, {total} days",
    },
    staff_nothing = {
      "Nothing to change for {name} on {date}",
      "{name}, {date}: nothing to do",
      "No change: {name}, {date}",
    },
    staff_paused = {
      "Check-ins are paused, everybody's days are safe",
      "Paused; resume when you are ready",
      "Paused: no days count until you resume",
    },
    staff_resumed = {
      "Check-ins go on",
      "Resumed, all streaks are intact",
      "Resumed: everybody can check in",
    },
    staff_list = {
      "Done {done}: {who}\nOpen {missing}: {others}",
      "Today {done} checked in: {who}\nStill open {missing}: {others}",
      "List\nDone {done}: {who}\nOpen {missing}: {others}",
    },
  },

  redpacket = {
    organiser = { "this group's team" },
    contact = { "the group's admins (@ them here)" },
    claim = {
      "Points are booked at once, see \"my coupons\"",
      "Booked as soon as you grab; \"my coupons\" shows them",
      "Points go straight to your account (\"my coupons\")",
    },
    claim_code = {
      "Show the code in the store within {days} days; then it lapses. \"my coupons\" shows codes",
      "Fetch it in the store with the code, valid {days} days, then void; codes: \"my coupons\"",
      "See the code with \"my coupons\", redeem it in the store within {days} days, after that it lapses",
    },
    open_points = {
      "🧧 Lucky packet: {total} points in {shares} shares, at least 1 each",
      "🧧 Here it is: {total} points, {shares} shares, at least 1 each",
      "🧧 {shares} shares, {total} points, at least 1 each",
    },
    open_prizes = {
      "🧧 The prizes:\n{prizes}",
      "🧧 Try your luck, the prizes:\n{prizes}",
      "🧧 The draw begins. Prizes:\n{prizes}",
    },
    open_coupon = {
      "🧧 {shares} × \"{what}\", one each, first come first served",
      "🧧 Coupons: {shares} × \"{what}\", first come first served",
      "🧧 Today: \"{what}\", {shares} pieces, first come first served",
    },
    rules = {
      "Send \"{word}\", once each, until {till} ({minutes} minutes)\n{claim}\nOrganiser: {organiser}. Contact: {contact}",
      "To take part send \"{word}\" before {till}, once each\n{claim}\nOrganiser {organiser}, contact {contact}",
      "\"{word}\" before {till}, one per member\n{claim}\nOrganised by {organiser}; contact {contact}",
    },
    sealed = {
      "Fairness code (SHA-256): {hash}",
      "Sealed before the draw: {hash}",
      "Fairness code {hash} (the seed follows at the end)",
    },
    prize_line = { "{name} ×{count}" },
    chances = {
      "{shares} chances, all equally likely",
      "{shares} chances in all, the same odds for everybody",
      "{shares} chances, equal odds",
    },
    none_open = {
      "No packet right now, see you at {time}",
      "Not yet: it opens every night at {time}",
      "Come back at {time} and try your luck 🧧",
    },
    none_planned = {
      "No packet right now; we'll tell you when there is one",
      "Not now, watch this group",
      "No packet at the moment, be quick next time 🧧",
    },
    grabbed = {
      "You grabbed already, watch for the results",
      "Once each: yours is safe",
      "Got it already, leave some for the others 😊",
    },
    no_staff = {
      "Staff don't take part",
      "We are the hosts, let the others grab 😊",
      "Not for staff",
    },
    results = {
      "Results:\n{lines}\n{left} left",
      "The next ones:\n{lines}\n{left} shares left, go on",
      "Congratulations:\n{lines}\n{left} left",
    },
    result_points = { "got {amount} points", "grabbed {amount}", "{amount} points" },
    result_prize = { "won \"{what}\"", "gets \"{what}\"", "lucky: \"{what}\"" },
    result_coupon = { "got \"{what}\"", "grabbed \"{what}\"", "\"{what}\" is yours" },
    result_code = { "code {code}, see \"{word}\"", "{code} (\"{word}\" shows it)", "code {code}: send \"{word}\"" },
    result_blanks = {
      "{count} without a prize this time, thank you",
      "{count} had no luck today, come again",
      "Better luck next time for {count}",
    },
    result_consoled = {
      "{count} without a prize get {points} points each",
      "no prize for {count}, but {points} points each",
      "{points} points each for the other {count}",
    },
    results_more = { "... and {count} more", "and {count} others", "{count} more got theirs" },
    closed_empty = {
      "All gone! {count} grabbed it in {seconds} s 🎉",
      "Empty: {count} lucky ones, {seconds} s",
      "Gone in {seconds} s, {count} took part",
    },
    closed_time = {
      "Time is up, {count} took part",
      "The packet is closed, {count} grabbed",
      "Closed with {count} grabs 🎉",
    },
    closed_nobody = {
      "Time is up and nobody grabbed; next time",
      "We keep it for next time",
      "Quiet this time, see you next time 🧧",
    },
    luckiest = {
      "Luckiest: {name} with {amount}",
      "The lucky one: {name} ({amount})",
      "{name} got the most: {amount}",
    },
    left_points = {
      "{left} shares with {rest} points return to the budget",
      "{rest} points ({left} shares) were not taken and go back",
      "Returned: {rest} points, {left} shares",
    },
    left_prizes = {
      "Not taken: {left}",
      "Left over: {left}",
      "Still here: {left}",
    },
    unsealed = {
      "Seed: {seed} (no. {id}, check it)",
      "Seed of no. {id}: {seed}",
      "The seed (no. {id}) was {seed}",
    },
    code_dm = {
      "You got \"{what}\" 🎁\nCode {code}\nShow it in the store until {till}",
      "Your \"{what}\": {code}\nValid until {till}, just say the code",
      "\"{what}\"\ncode {code}, valid until {till}",
    },
    mine = {
      "{count} coupons, {points} points\n{lines}",
      "Wallet: {count} coupons, {points} points\n{lines}",
      "{points} points and {count} coupons:\n{lines}",
    },
    mine_line = { "\"{what}\" {code}, until {till}" },
    mine_none = {
      "{points} points, no coupons yet",
      "{points} points; try your luck with \"{word}\"",
      "You have {points} points and no coupons 😊",
    },
    mine_sent = {
      "Sent you a message: {count} coupons, {points} points",
      "{count} coupons are in your inbox, {points} points",
      "Check your messages, all {count} are there 😊",
    },
    seen = {
      "Same as before, please scroll up",
      "Just told you, nothing new",
      "No change since then 😊",
    },
    expiring_dm = {
      "Your \"{what}\" ends tomorrow, code {code}",
      "A reminder: \"{what}\" ({code}) is valid until {till}",
      "\"{what}\" ends soon: use it until {till}, code {code} 🌿",
    },
    expiring = {
      "{names} you have a coupon that ends tomorrow: \"{word}\"",
      "{names} tomorrow is the last day of a coupon, see \"{word}\"",
      "{names} a coupon ends soon, send \"{word}\" 🌿",
    },
    redeemed = {
      "Redeemed: \"{what}\" for {name} ({code})",
      "\"{what}\" redeemed ✅ {name}, {code}",
      "Done, {code}: \"{what}\" goes to {name}",
    },
    redeem_how = {
      "Please add the code, like \"核销 K7QWERT2\"",
      "Form: 核销 CODE",
      "The code is missing (8 characters)",
    },
    redeem_bad = {
      "One character seems wrong, please check",
      "This code is mistyped",
      "Not a code: 8 characters without 0, O, 1, I, L",
    },
    redeem_unknown = {
      "No such code",
      "This code is not known",
      "Not found; ask the customer to send \"my coupons\"",
    },
    redeem_used = {
      "Redeemed before: {time}, by {by}",
      "{code} was used at {time} by {by}",
      "Second try: {by} redeemed it at {time}",
    },
    redeem_expired = {
      "\"{what}\" ended on {till}",
      "Expired (valid until {till})",
      "Too late: it was valid until {till}",
    },
    redeem_void = {
      "This code was cancelled",
      "{code} is void",
      "\"{what}\" was cancelled",
    },
    redeem_scope = {
      "This code was issued by another store",
      "Only staff of the issuing store can redeem it",
      "Out of scope, please ask the issuing store",
    },
    staff_budget = {
      "No packet in {group}: it needs {cost}, {budget} has {rest} left",
      "Not opened ({group}): {cost} needed, {budget}: {rest}",
      "{group}: {cost} would exceed {budget} ({rest})",
    },
    budget_packet = { "the limit for one packet" },
    budget_day = { "today's budget" },
    budget_group = { "the group's budget" },
    staff_open = {
      "A packet is still open",
      "One is running; 作废 takes it back",
      "Wait for the open packet to end",
    },
    staff_wrong = {
      "The settings are wrong ({why}), nothing opened",
      "{group}: please check {why}",
      "Wrong settings: {why}",
    },
    staff_voided = {
      "{group}: packet {id} is void, the budget is back",
      "Packet {id} ({group}) was cancelled",
      "{group}, packet {id}: cancelled and refunded",
    },
    staff_code_void = {
      "{code} \"{what}\" is void, {cost} returned",
      "Cancelled: \"{what}\" {code}",
      "{code} is cancelled, {cost} back in the budget",
    },
    staff_nothing = {
      "Nothing to cancel",
      "No open packet, and no such code",
      "Found nothing to cancel",
    },
    voided = {
      "This packet was wrong and is cancelled; our apologies 🙏",
      "Sorry, the packet was a mistake and does not count",
      "The packet is cancelled, please wait for news",
    },
  },

  common = {
    stopped = {
      "Done: no more @ and no messages to you. \"{word}\" brings them back",
      "You won't be disturbed. Send \"{word}\" to come back",
      "Understood. \"{word}\" any time",
    },
    stopped_already = {
      "Already off, don't worry",
      "You are not disturbed; \"{word}\" undoes it",
      "It is off until you send \"{word}\"",
    },
    resumed = {
      "Welcome back, reminders are on 😊",
      "Good, I may @ you again",
      "On again, I'll call you when there is news",
    },
    resumed_already = {
      "It was on all the time",
      "Nothing was off",
      "All is as always 😊",
    },
    menu = {
      "This is what I do:\n{lines}",
      "You can send me:\n{lines}",
      "The menu 📖\n{lines}",
    },
    seen = {
      "The menu is just above",
      "Sent a moment ago, please scroll up",
      "Same menu as above 😊",
    },
    menu_checkin = { "打卡 · 补卡 · 我的打卡 · 打卡榜 (check in, make up, mine, board)" },
    menu_redpacket = { "抢 · 我的券 (grab, my coupons)" },
    menu_chaperone = { "Just ask; what I don't know a colleague answers" },
    menu_common = { "退订 · 恢复 (no more @, undo)" },
  },

  switch = {
    usage = {
      "Usage: 开关 checkin on / off / state",
      "Write: 开关 <flow> on, off or state",
      "For example \"开关 checkin off\"; 开关 alone shows all",
    },
    unknown = {
      "No flow called \"{word}\"; 开关 shows all",
      "\"{word}\" not found, send 开关 for the list",
      "Which one is \"{word}\"? 开关 lists them",
    },
    switched_on = { "{title} is on", "Done, {title} is on", "{title}: on" },
    switched_off = { "{title} is off", "Done, {title} is off", "{title}: off" },
    refused = { "{title} cannot be changed like that", "{title} has to stay on", "Not possible: {title}" },
    state_on = { "● {title}" },
    state_off = { "○ {title} (off)" },
    states = { "Flows here:\n{lines}", "State:\n{lines}", "All flows:\n{lines}" },
    paused = {
      "Everything is paused; 恢复 resumes",
      "Quiet now. Send 恢复 to call me",
      "Paused, 恢复 brings me back",
    },
    resumed = { "Everything is on again", "Good, on we go", "I'm back" },
    roster = { "Staff:\n{lines}", "The list:\n{lines}", "Roles:\n{lines}" },
    roster_empty = { "No staff yet", "The list is empty", "Nobody is registered as staff" },
  },
}
