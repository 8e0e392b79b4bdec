import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** The guestbook of Kubernetes' pages: a frontend that writes to a Redis leader and reads from followers that replicate it. */
let lab: House
const run = (script: string): string => lab.run(script).output

const MANIFEST = ['leader', 'follower'].map((role) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: redis-${role}}
spec:
  replicas: ${role === 'leader' ? 1 : 2}
  selector: {matchLabels: {role: ${role}}}
  template:
    metadata: {labels: {app: redis, role: ${role}}}
    spec: {containers: [{name: c, image: '${role === 'leader' ? 'docker.io/redis:6.0.5' : 'us-docker.pkg.dev/google-samples/containers/gke/gb-redis-follower:v2'}'}]}
---
apiVersion: v1
kind: Service
metadata: {name: redis-${role}}
spec: {ports: [{port: 6379}], selector: {role: ${role}}}
---
`).join('')

beforeAll(() => {
  lab = house({ nodes: 2 })
  run(`cat > redis.yaml <<'EOF'\n${MANIFEST}EOF\nkubectl create deployment frontend --image=us-docker.pkg.dev/google-samples/containers/gke/gb-frontend:v5; kubectl expose deployment frontend --port 80; sleep 15`)
})

describe('guestbook', () => {
  const ask = (query: string, options = '-s'): string => run(`kubectl exec deploy/frontend -- curl ${options} 'http://frontend/guestbook.php?${query}'`)
  const cli = (role: string, command: string): string => run(`kubectl exec deploy/redis-${role} -- redis-cli ${command}`)

  it('without Redis says that there is no such name', () => {
    expect(ask('cmd=get&key=messages')).toBe('<br />\n<b>Fatal error</b>:  Uncaught Predis\\Connection\\ConnectionException: php_network_getaddresses: getaddrinfo failed: Name or service not known [tcp://redis-follower:6379]\n')
  })

  it('writes to the leader what each follower then has', () => {
    run('kubectl apply -f redis.yaml; sleep 40')
    expect(ask('cmd=set&key=messages&value=Hello')).toBe('{"message": "Updated"}')
    expect(ask('cmd=get&key=messages')).toBe('{"data": "Hello"}')
    expect(run("for p in $(kubectl get pods -l role=follower -o name); do kubectl exec $p -- redis-cli get messages; done")).toBe('Hello\nHello\n')
    expect(ask('cmd=get&key=nothing', '-si')).toMatch(/^HTTP\/1\.1 200 OK\r\nDate: .*\r\nServer: Apache\/2\.4\.53 \(Debian\)\r\nX-Powered-By: PHP\/7\.4\.29\r\nContent-Length: 12\r\nContent-Type: application\/json\r\n\r\n\{"data": ""\}$/)
  })

  it('a follower takes no writes, and both tell how they stand', () => {
    expect(cli('follower', 'set a b')).toBe("READONLY You can't write against a read only replica.\n\n")
    expect(cli('follower', 'info replication')).toMatch(/^# Replication\r\nrole:slave\r\nmaster_host:redis-leader\r\nmaster_port:6379\r\nmaster_link_status:up\r\n/)
    expect(cli('leader', 'info replication')).toMatch(/^# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=10\.244\.\d+\.\d+,port=6379,state=online,offset=\d+,lag=0\r\nslave1:/)
    expect(run('kubectl logs deploy/redis-leader')).toMatch(/ \* Replica 10\.244\.\d+\.\d+:6379 asks for synchronization\n/)
  })

  it('who begins later gets all that is there, whatever its kind, and what ends', () => {
    for (const command of ['rpush l one two', 'sadd s x', 'hset h f v', 'zadd z 1.5 m', 'set gone soon ex 600', 'del messages']) cli('leader', command)
    run('kubectl scale deployment redis-follower --replicas=0; sleep 40; kubectl scale deployment redis-follower --replicas=1; sleep 15')
    expect(['lrange l 0 -1', 'smembers s', 'hgetall h', 'zrange z 0 -1 withscores', 'get gone', 'exists messages'].map((c) => cli('follower', c))).toEqual(['one\ntwo\n', 'x\n', 'f\nv\n', 'm\n1.5\n', 'soon\n', '0\n'])
    run('sleep 600')
    expect(cli('follower', 'exists gone')).toBe('0\n')
  })

  it('a leader that is gone leaves the followers readable; one of them can become it', () => {
    run('kubectl scale deployment redis-leader --replicas=0; sleep 35')
    expect(cli('follower', 'lindex l 0')).toBe('one\n')
    expect(cli('follower', 'info replication')).toContain('master_link_status:down\r\n')
    expect(ask('cmd=set&key=a&value=b')).toContain('Uncaught Predis\\Connection\\ConnectionException: Connection refused [tcp://redis-leader:6379]')
    expect(cli('follower', 'replicaof no one') + cli('follower', 'set a b') + cli('follower', 'role')).toMatch(/^OK\nOK\nmaster\n0\n/)
  })
})
