import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** Whom the programs of images run as, and what they say when a securityContext takes away what they need for that. */
let lab: House
const run = (script: string): string => lab.run(script).output
const pod = (name: string, image: string, more = '{}', env = 'X: z'): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: c, image: '${image}', securityContext: ${more}, env: [{name: ${env.replace(': ', ', value: ')}}]}]
`
const ps = (name: string): string[] => run(`kubectl exec ${name} -- ps aux`).split('\n').slice(1, -2).map((line) => line.trim().split(/\s+/)).map(([first, second, ...rest]) => (/^\d+$/.test(first!) ? `${second} ${rest.slice(1).join(' ')}` : `${first} ${rest.slice(8).join(' ')}`))

beforeAll(() => {
  lab = house({ nodes: 2 })
  const all = [
    pod('redis', 'redis:7-alpine'), pod('maria', 'mariadb:11', '{}', 'MARIADB_ROOT_PASSWORD: pw'), pod('mongo', 'mongo:7'), pod('nginx', 'nginx:1.27-alpine'), pod('httpd', 'httpd:2.4-alpine'), pod('my', 'mysql:8.4', '{}', 'MYSQL_ROOT_PASSWORD: pw'),
    pod('fixed-httpd', 'httpd:2.4', '{readOnlyRootFilesystem: true}'), pod('other-httpd', 'httpd:2.4', '{runAsUser: 1000}'), pod('bare-redis', 'redis:7', '{capabilities: {drop: [ALL]}}'), pod('bare-nginx', 'nginx:1.27', '{capabilities: {drop: [ALL]}}'), pod('other-nginx', 'nginx:1.27', '{runAsUser: 1000}'), pod('fixed-nginx', 'nginx:1.27', '{readOnlyRootFilesystem: true}'),
    pod('some', 'busybox:1.36', '{capabilities: {drop: [ALL], add: [NET_RAW, CHOWN]}}').replace("image: 'busybox:1.36'", "image: 'busybox:1.36', command: [sleep, infinity]"),
  ]
  run(`cat > all.yaml <<'EOF'\n${all.join('')}EOF\nkubectl apply -f all.yaml; sleep 60`)
})

describe('a server', () => {
  it('is not root, where its entrypoint steps down or its master starts workers', () => {
    expect(ps('redis')).toEqual(['redis redis-server *:6379'])
    expect(ps('maria')).toEqual(['mysql mariadbd'])
    expect(ps('mongo')).toEqual(['mongodb mongod --bind_ip_all'])
    expect(ps('nginx')).toEqual(['root nginx: master process nginx -g daemon off;', 'nginx nginx: worker process', 'nginx nginx: worker process'])
    expect(ps('httpd')).toEqual(['root httpd -DFOREGROUND', ...Array<string>(3).fill('www-data httpd -DFOREGROUND')])
    expect(run('kubectl exec my -- grep -E "^(Uid|Gid)" /proc/1/status')).toBe('Uid:\t999\t999\t999\t999\nGid:\t999\t999\t999\t999\n')
    expect(run('kubectl exec redis -- stat -c %U:%G /data')).toBe('redis:redis\n')
  })

  it('that may not step down ends, as does nginx without the right to give its directories away', () => {
    expect(run('kubectl logs bare-redis')).toBe('error: failed switching to "redis": operation not permitted\n')
    expect(run('kubectl logs bare-nginx')).toMatch(/\[emerg\] 1#1: chown\("\/var\/cache\/nginx\/client_temp", 101\) failed \(1: Operation not permitted\)\nnginx: \[emerg\] chown\(.*\n$/)
    expect(run('kubectl get pods bare-nginx bare-redis')).toMatch(/(bare-\S+ +0\/1 +(CrashLoopBackOff|Error).*\n){2}$/)
  })

  it('nginx as somebody else, or on a disk that may only be read, says what it cannot make', () => {
    const warning = 'the "user" directive makes sense only if the master process runs with super-user privileges, ignored in /etc/nginx/nginx.conf:2\n'
    const log = run('kubectl logs other-nginx')
    expect(log).toContain('10-listen-on-ipv6-by-default.sh: info: can not modify /etc/nginx/conf.d/default.conf (read-only file system?)\n')
    expect(log).toContain(`[warn] 1#1: ${warning}nginx: [warn] ${warning}`)
    expect(log).toMatch(/nginx: \[emerg\] mkdir\(\) "\/var\/cache\/nginx\/client_temp" failed \(13: Permission denied\)\n$/)
    expect(run('kubectl logs fixed-nginx')).toMatch(/nginx: \[emerg\] mkdir\(\) "\/var\/cache\/nginx\/client_temp" failed \(30: Read-only file system\)\n$/)
  })

  it('httpd has its directories, writes its number, and ends where it cannot', () => {
    expect(run('kubectl exec httpd -- sh -c "ls; cat logs/httpd.pid; grep -c ^LoadModule conf/httpd.conf; httpd -t" 2>&1')).toMatch(/^bin\nbuild\ncgi-bin\nconf\nerror\nhtdocs\nicons\ninclude\nlogs\nmodules\n1\n22\nAH00558: .*\nSyntax OK\n$/)
    expect(run('kubectl logs fixed-httpd')).toMatch(/\[core:error\] \[pid 1:tid 1\] \(30\)Read-only file system: AH00099: could not create \/usr\/local\/apache2\/logs\/httpd\.pid\n.*AH00100: httpd: could not log pid to file/)
    expect(run('kubectl logs other-httpd')).toMatch(/\(13\)Permission denied: AH000(99|72)/)
  })

  it('capabilities that are left are told by number', () => {
    expect(run('kubectl exec some -- grep CapBnd /proc/1/status; kubectl exec redis -- grep CapBnd /proc/1/status')).toBe('CapBnd:\t0000000000002001\nCapBnd:\t00000000a80425fb\n')
  })
})
