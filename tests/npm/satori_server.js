// The Satori server that others wrote, over two accounts of a platform that lives in this process: what is told to happen there
// reaches whoever is connected, what is sent there is told.
const { Context, Bot } = require('@satorijs/satori')
const Router = require('@satorijs/router').default
const server = require('@satorijs/server')
const { tell, obey } = require('./lines')

const [port, token] = process.argv.slice(2)
let numbers = 1000

class Account extends Bot {
  constructor(ctx, config) {
    super(ctx, config)
    this.platform = config.platform
    this.user = { id: config.id, name: config.name }
  }
  async createMessage(channel, content, guild) {
    const id = String(++numbers)
    tell({ sent: id, login: this.sid, channel, content: String(content) })
    return [{ id, content: String(content), channel: { id: channel, type: 0 } }]
  }
  async createDirectChannel(user) { return { id: 'private:' + user, type: 1 } }
  async deleteMessage(channel, id) { tell({ deleted: id, login: this.sid, channel }) }
  async muteGuildMember(guild, user, duration) { tell({ muted: user, login: this.sid, guild, duration }) }
  async kickGuildMember(guild, user) { tell({ kicked: user, login: this.sid, guild }) }
  async getGuildList() { return { data: [{ id: 'g1', name: 'server' }] } }
  async getGuild(id) { return { id, name: 'server' } }
  async getChannelList(guild) { return { data: [{ id: guild + '-c', name: 'general', type: 0 }] } }
  async getGuildMemberList() { return { data: [{ user: { id: 'u1', name: 'Ann' }, nick: 'Annie' }] } }
  async getGuildMember(guild, user) { return { user: { id: user, name: 'Ann' }, nick: 'Annie' } }
  async getUser(id) { return { id, name: 'Ann' } }
}

const ctx = new Context()
Context.service('router')
ctx.router = new Router(ctx, { host: '127.0.0.1', port: Number(port), maxPort: Number(port) })
ctx.plugin(server, { path: '/satori', token: token || undefined, api: {}, websocket: { resumeTimeout: 60000 }, webhooks: [] })

const accounts = [['discord', '900', 'helper'], ['kook', '77', '小助手']].map(([platform, id, name]) => {
  let made
  ctx.plugin({ name: platform, apply(inner) { made = new Account(inner, { platform, id, name }) } })
  return made
})

obey({
  happen(o) {
    const account = accounts.find((a) => a.sid === o.login)
    account.dispatch(account.session({ timestamp: Date.now(), ...o.event }))
  },
  status(o) {
    accounts.find((a) => a.sid === o.login).status = o.status
  }
})
ctx.start().then(() => {
  for (const account of accounts) account.online()
  tell({ event: 'listening' })
})
