import { RISE, FALL, type Pool, type Server } from './farm.ts'

/** What HAProxy counts, and how it tells it: rows of "show stat" (src/stats.c) and metrics (addons/promex). */
export interface Frontend { name: string; requests: number; received: number; sent: number; denied: number; errors: number; answers: number[]; active: number; most: number }

export class Statistics {
  readonly frontends: Frontend[] = ['http', 'https', 'healthz', 'stats'].map((name) => ({ name, requests: 0, received: 0, sent: 0, denied: 0, errors: 0, answers: [0, 0, 0, 0, 0, 0], active: 0, most: 0 }))

  request(frontend: string, status: number, received: number, sent: number, state: string): void {
    const found = this.frontends.find((f) => f.name === frontend)!
    found.requests++
    found.received += received
    found.sent += sent
    found.most = Math.max(found.most, 1)
    found.answers[Math.floor(status / 100)]!++
    if (state.startsWith('PR') && status !== 400) found.denied++
    if (status === 400) found.errors++
  }
}

/** A line of the CSV, by the names of its columns; what is missing is empty. */
export type Row = Readonly<Record<string, string | number>>

const COLUMNS = (
  'pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,' +
  'hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,' +
  'agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,agg_check_status'
).split(',')

export function csv(rows: readonly Row[]): string {
  const lines = rows.map((row) => COLUMNS.map((column) => quoted(String(row[column] ?? ''))).join(','))
  return [`# ${COLUMNS.join(',')}`, ...lines].map((line) => `${line},\n`).join('')
}

function quoted(text: string): string {
  return /[,"\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** `now`: of the clock, in ms; `shown`: the number of each proxy is its place. */
export function rowsOf(statistics: Statistics, pools: readonly Pool[], now: number): Row[] {
  const rows: Row[] = statistics.frontends.map((f, i) => ({
    pxname: f.name, svname: 'FRONTEND', scur: f.active, smax: f.most, slim: 8192, stot: f.requests, bin: f.received, bout: f.sent, dreq: f.denied, dresp: 0, ereq: f.errors, status: 'OPEN', pid: 1, iid: i + 2, sid: 0, type: 0, rate: 0, rate_lim: 0, rate_max: 0,
    ...answers(f.answers), req_rate: 0, req_rate_max: 0, req_tot: f.requests, comp_in: 0, comp_out: 0, comp_byp: 0, comp_rsp: 0, mode: 'http', conn_rate: 0, conn_rate_max: 0, conn_tot: f.requests, intercepted: 0, dcon: 0, dses: 0, wrew: 0,
  }))
  for (const [i, pool] of pools.entries()) {
    const iid = statistics.frontends.length + i + 2
    for (const [at, server] of pool.servers.entries()) rows.push(serverRow(pool, server, iid, at + 1, now))
    const { counts, backend } = pool
    const able = pool.usable().length
    rows.push({
      pxname: backend.name, svname: 'BACKEND', qcur: pool.queued, qmax: Math.min(1, counts.queued), scur: pool.active, smax: counts.most, slim: 1, stot: counts.sessions, bin: counts.received, bout: counts.sent, dreq: 0, dresp: 0, ...sums(pool), status: able > 0 ? 'UP' : 'DOWN', weight: able, act: able, bck: 0, chkdown: 0,
      lastchg: 0, downtime: 0, pid: 1, iid, sid: 0, lbtot: counts.sessions, type: 1, rate: 0, rate_max: 0, ...answers(counts.answers), req_tot: counts.sessions, cli_abrt: 0, srv_abrt: 0, qtime: 0, ctime: 0, rtime: 0, ttime: 0, cookie: backend.cookie?.name ?? '', mode: 'http', algo: backend.balance.algorithm, uweight: able,
      agg_server_status: able, agg_server_check_status: 0,
    })
  }
  return rows
}

function sums({ servers }: Pool): Row {
  const sum = (of: (server: Server) => number): number => servers.reduce((total, server) => total + of(server), 0)
  return { econ: sum((s) => s.counts.connectErrors), eresp: sum((s) => s.counts.responseErrors), wretr: sum((s) => s.counts.retries), wredis: sum((s) => s.counts.redispatches) }
}

function answers([, one, two, three, four, five]: readonly number[]): Row {
  return { hrsp_1xx: one!, hrsp_2xx: two!, hrsp_3xx: three!, hrsp_4xx: four!, hrsp_5xx: five!, hrsp_other: 0 }
}

/** "UP", "UP 2/3", "DOWN", "DOWN 1/2", "no check" or "MAINT". */
export function statusOf({ backend }: Pool, { endpoint, up, health }: Server): string {
  if (!endpoint) return 'MAINT'
  if (!backend.check) return 'no check'
  if (up) return health === RISE + FALL - 1 ? 'UP' : `UP ${health - RISE + 1}/${FALL}`
  return health > 0 ? `DOWN ${health}/${RISE}` : 'DOWN'
}

function serverRow(pool: Pool, server: Server, iid: number, sid: number, now: number): Row {
  const { counts, last, endpoint } = server
  const { backend } = pool
  const checked: Row = !backend.check || !endpoint ? {} : {
    chkfail: counts.checksFailed, chkdown: counts.downs, check_status: last?.name ?? 'INI', ...(last?.code === undefined ? {} : { check_code: last.code }), ...(last ? { check_duration: last.duration } : {}), last_chk: last?.info ?? '', check_desc: last?.reason ?? 'Initializing', check_rise: RISE, check_fall: FALL, check_health: server.health,
  }
  return {
    pxname: backend.name, svname: server.name, qcur: 0, qmax: 0, scur: server.active, smax: counts.most, slim: backend.maxconn ?? '', stot: counts.sessions, bin: counts.received, bout: counts.sent, dresp: 0, econ: counts.connectErrors, eresp: counts.responseErrors, wretr: counts.retries, wredis: counts.redispatches,
    status: statusOf(pool, server), weight: 1, act: 1, bck: 0, ...checked, lastchg: Math.floor((now - server.changed) / 1000), downtime: 0, pid: 1, iid, sid, lbtot: counts.sessions, type: 2, rate: 0, rate_max: 0, ...answers(counts.answers), cli_abrt: 0, srv_abrt: 0, qtime: 0, ctime: 0, rtime: 0, ttime: 0,
    addr: endpoint ? `${endpoint.address}:${endpoint.port}` : '127.0.0.1:1', cookie: endpoint && backend.cookie ? pool.cookieFor(server) : '', mode: 'http', req_tot: counts.sessions, uweight: 1,
  }
}

const FAMILIES: readonly (readonly [name: string, type: 'gauge' | 'counter', help: string, of: string])[] = [
  ['current_queue', 'gauge', 'Number of current queued connections', 'qcur'],
  ['current_sessions', 'gauge', 'Number of current sessions on the frontend, backend or server', 'scur'],
  ['sessions_total', 'counter', 'Total number of sessions since process started', 'stot'],
  ['bytes_in_total', 'counter', 'Total number of request bytes since process started', 'bin'],
  ['bytes_out_total', 'counter', 'Total number of response bytes since process started', 'bout'],
  ['requests_denied_total', 'counter', 'Total number of denied requests since process started', 'dreq'],
  ['request_errors_total', 'counter', 'Total number of invalid requests since process started', 'ereq'],
  ['connection_errors_total', 'counter', 'Total number of failed connections to server since the worker process started', 'econ'],
  ['response_errors_total', 'counter', 'Total number of invalid responses since the worker process started', 'eresp'],
  ['retry_warnings_total', 'counter', 'Total number of server connection retries since the worker process started', 'wretr'],
  ['check_failures_total', 'counter', 'Total number of failed individual health checks per server/backend, since the worker process started', 'chkfail'],
  ['http_requests_total', 'counter', 'Total number of HTTP requests processed by this object since the worker process started', 'req_tot'],
]
const STATES = ['DOWN', 'UP', 'MAINT', 'DRAIN', 'NOLB'] as const

/** /metrics of the frontend "stats", as far as something is counted here. */
export function metrics(rows: readonly Row[]): string {
  let out = ''
  for (const [type, kind] of ['frontend', 'backend', 'server'].entries()) {
    const own = rows.filter((row) => row['type'] === type)
    const labels = (row: Row): string => `proxy="${row['pxname']}"${type === 2 ? `,server="${row['svname']}"` : ''}`
    const tell = (name: string, form: string, help: string, samples: readonly (readonly [labels: string, value: string | number])[]): void => {
      if (samples.length > 0) out += `# HELP haproxy_${kind}_${name} ${help}\n# TYPE haproxy_${kind}_${name} ${form}\n${samples.map(([l, v]) => `haproxy_${kind}_${name}{${l}} ${v}\n`).join('')}`
    }
    for (const [name, form, help, column] of FAMILIES) tell(name, form, help, own.filter((row) => row[column] !== undefined && row[column] !== '').map((row) => [labels(row), row[column]!] as const))
    tell('status', 'gauge', 'Current status of the service, per state label value.', own.flatMap((row) => (type === 2 ? STATES : STATES.slice(0, 2)).map((state) => [`${labels(row)},state="${state}"`, stateOf(String(row['status'])) === state ? 1 : 0] as const)))
    if (type === 1) tell('active_servers', 'gauge', 'Total number of active UP servers with a non-zero weight', own.map((row) => [labels(row), row['act']!] as const))
    tell('http_responses_total', 'counter', 'Total number of HTTP responses with status 100-199 returned by this object since the worker process started', own.flatMap((row) => ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'].map((code) => [`${labels(row)},code="${code}"`, row[`hrsp_${code}`]!] as const)))
  }
  return out
}

function stateOf(status: string): string {
  return status.startsWith('DOWN') ? 'DOWN' : status === 'MAINT' ? 'MAINT' : 'UP'
}
