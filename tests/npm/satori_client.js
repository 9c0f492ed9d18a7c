// The adapter with which others (Koishi and its kin) connect to a Satori server, told what to do line by line.
const { Context, Satori, HTTP } = require('@satorijs/core')
const Adapter = require('@satorijs/adapter-satori').default
const { tell, obey } = require('./lines')

const [endpoint, token] = process.argv.slice(2)
const ctx = new Context()
ctx.plugin(HTTP)
ctx.plugin(Satori)
ctx.plugin(Adapter, { endpoint, token, retryTimes: 100, retryInterval: 100, retryLazy: 100 })

ctx.on('internal/session', (session) => tell({
  event: session.type, platform: session.platform, account: session.selfId, user: session.userId, channel: session.channelId,
  guild: session.guildId, direct: session.event.channel && session.event.channel.type === 1, content: session.content,
  elements: session.elements && session.elements.map((e) => [e.type, e.attrs]), message: session.messageId, quote: session.quote && session.quote.id,
  button: session.event.button && session.event.button.id, emoji: session.event.emoji, referrer: session.event.referrer
}))

function bot(order) {
  return ctx.bots[order.login]
}

obey({
  logins: () => ctx.bots.map((b) => ({ login: b.sid, status: b.status, name: b.user && b.user.name })),
  call: (o) => bot(o)[o.method](...o.args)
})
ctx.start()
