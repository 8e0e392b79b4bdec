import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const READY = 'kubectl run web --image=nginx --overrides=\'{"spec":{"nodeName":"worker-1"}}\'; kubectl wait --for=condition=ready pod/web'
const REFUSED = 'dial tcp 172.18.0.3:10250: connect: connection refused'

describe('the API server calls the kubelet of a Pod', () => {
  it('and a rule on its way refuses logs, exec, attach, cp and port-forward', () => {
    const { run } = house()
    run(READY)
    expect(run('kubectl exec web -- hostname').output).toBe('web\n')
    run('hop node worker-1 -- iptables -I INPUT -p tcp --dport 10250 -j REJECT')
    expect(run('kubectl logs web --tail=2 -f')).toEqual({ code: 1, output: `Error from server: Get "https://172.18.0.3:10250/containerLogs/default/web/web?follow=true&tailLines=2": ${REFUSED}\n` })
    expect(run('kubectl exec web -- cat "/a b"')).toEqual({ code: 1, output: `error: Internal error occurred: error sending request: Post "https://172.18.0.3:10250/exec/default/web/web?command=cat&command=%2Fa+b&error=1&output=1": ${REFUSED}\n` })
    expect(run('kubectl attach web').output).toContain(`error: Internal error occurred: error sending request: Post "https://172.18.0.3:10250/attach/default/web/web?error=1&output=1": ${REFUSED}\n`)
    expect(run('kubectl cp web:/etc/hostname x').output).toContain(REFUSED)
    expect(run('kubectl port-forward web 8080:80')).toEqual({ code: 1, output: `error: error upgrading connection: error dialing backend: ${REFUSED}\n` })
    expect(run('kubectl get --raw /api/v1/namespaces/default/pods/web/log').output).toContain(REFUSED)
    expect(run('kubectl logs web --ignore-errors --prefix')).toEqual({ code: 0, output: `error: Get "https://172.18.0.3:10250/containerLogs/default/web/web": ${REFUSED}\n` })
    run('hop node worker-1 -- iptables -D INPUT 1')
    expect(run('kubectl exec web -- hostname').output).toBe('web\n')
  })

  it('and gives up after half a minute where nothing answers', () => {
    const { run } = house()
    run(READY)
    run('hop node worker-1 -- iptables -I INPUT -p tcp --dport 10250 -j DROP')
    expect(run('time -p kubectl exec web -- hostname').output).toMatch(/dial tcp 172\.18\.0\.3:10250: i\/o timeout\nreal 30\./)
  })

  it('and what hangs on a kubelet ends with it', () => {
    const { run, open } = house()
    run(READY)
    const terminal = open()
    terminal.type('kubectl port-forward web 8080:80 &\r')
    terminal.type("kubectl exec web -- sh -c 'echo begun; sleep 100; echo over' &\r")
    terminal.type('kubectl logs -f web > /dev/null &\r')
    expect(run('hop node control-plane -- ss -Htn state established dport = :10250').output.split('\n')).toHaveLength(4)
    expect(run('hop node worker-1 -- systemctl stop kubelet').code).toBe(0)
    const output = terminal.type('wait\r', 5_000)
    expect(output).toContain('error: lost connection to pod')
    expect(output).not.toContain('over\n')
    expect(terminal.type('jobs\r')).not.toContain('Running')
    expect(run('kubectl logs web').output).toContain(REFUSED)
  })

  it('and what hangs on a node that goes off without a word ends when TCP gives up: a log in three minutes, the other streams in a quarter of an hour', () => {
    const { run } = house()
    run(READY)
    const streams = 'hop node control-plane -- ss -Htno state established dport = :10250'
    const { output } = run(`
      { kubectl logs -f web >/dev/null; echo "logs $?"; } &
      { kubectl exec web -- sleep 10000; echo "exec $?"; } &
      { kubectl port-forward web 8080:80; echo "forward $?"; } &
      sleep 100; ${streams} | grep -o 'timer:(keepalive' | sort | uniq -c
      hop fault apply node-down worker-1
      sleep 130; echo waits; sleep 60; echo some; ${streams} | grep -o 'timer:(on'; sleep 600; echo more; sleep 200; ${streams}
      kubectl logs web`)
    // idle for long, all of them lived: the log by TCP's own probes, the others by SPDY's pings; what is cut off is no error of kubectl's
    expect(output.replace(/^Forwarding.*\n/gm, '')).toBe([
      '      3 timer:(keepalive', 'node-down/worker-1: worker-1 is switched off', 'waits', 'logs 0', 'some', 'timer:(on', 'timer:(on', 'more', 'error: lost connection to pod', 'forward 1', 'exec 0',
      'Error from server: Get "https://172.18.0.3:10250/containerLogs/default/web/web": dial tcp 172.18.0.3:10250: connect: no route to host', '',
    ].join('\n'))
  })

  it('of a node that nobody knows not at all', () => {
    const { run } = house()
    run(READY)
    run('hop node worker-1 -- systemctl stop kubelet; kubectl delete node worker-1')
    expect(run('kubectl logs web')).toEqual({ code: 1, output: 'Error from server (NotFound): nodes "worker-1" not found\n' })
  })

  describe('and what they say travels on the connection', () => {
    const TALKER = 'kubectl run talker --image=busybox --overrides=\'{"spec":{"nodeName":"worker-1"}}\' -- sh -c \'n=0; while sleep 1; do n=$((n+1)); echo tick $n; done\'; kubectl wait --for=condition=ready pod/talker'
    const SEGMENT = /Out IP 172\.18\.0\.3\.10250 > 172\.18\.0\.2\.\d+: Flags \[P\.\]/

    it('so a log that is followed is seen on the wire, waits while the wire is cut, and loses nothing', () => {
      const { run, open } = house()
      run(TALKER)
      const terminal = open()
      expect(terminal.type('kubectl logs -f talker --tail=1\r', 4_000)).toContain('tick 3\n')
      const wire = run('hop node worker-1 -- timeout 3 tcpdump -nni any port 10250 2>/dev/null').output.trimEnd().split('\n')
      expect(wire.filter((line) => SEGMENT.test(line))).toHaveLength(3)
      run('hop fault apply link-down control-plane worker-1')
      const before = terminal.type('', 100)
      expect(terminal.type('', 5_000)).not.toContain('tick')
      // nobody answers, so it is sent again
      expect(run('hop node worker-1 -- ss -Htno state established sport = :10250').output).toMatch(/timer:\(on,/)
      run('hop fault clear --all')
      const numbers = [...`${before}${terminal.type('', 20_000)}`.matchAll(/tick (\d+)/g)].map(([, n]) => Number(n))
      expect(numbers.length).toBeGreaterThan(20)
      expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
    })

    it('so a slow link makes them slow, and lost packets are sent again', () => {
      const { run } = house()
      run(READY)
      expect(run('time -p kubectl exec web -- true').output).toMatch(/real 0\.0/)
      run('hop fault apply slow-link control-plane worker-1 --delay 100ms')
      // three ways to and fro: TCP, TLS, the request and what is said after it
      expect(Number(/real (\S+)/.exec(run('time -p kubectl exec web -- true').output)![1])).toBeGreaterThan(0.6)
      run('hop fault clear --all; hop fault apply packet-loss control-plane worker-1 --loss 20')
      expect(run("kubectl exec web -- sh -c 'seq 30000' | md5sum; seq 30000 | kubectl exec -i web -- md5sum; seq 30000 | md5sum").output).toMatch(/^(\w{32}) {2}-\n(\1 {2}-\n){2}$/)
    })

    it('with its streams and how it ends', () => {
      const { run, open } = house()
      run(READY)
      expect(run("kubectl exec web -- sh -c 'echo out; echo err >&2; exit 7' 2>/dev/null; echo $?")).toEqual({ code: 0, output: 'out\n7\n' })
      expect(run('kubectl exec web -- nowhere 2>&1 | grep -o "executable file not found in .PATH"').output).toBe('executable file not found in $PATH\n')
      const terminal = open()
      terminal.type('kubectl exec -it web -- sh\r', 1_000)
      expect(terminal.type('stty size\r', 1_000)).toContain('30 100')
      expect(terminal.type('exit 3\r', 1_000)).toContain('command terminated with exit code 3')
    })

    it('and whoever the roles let through reads a log there', () => {
      const { run } = house()
      run(READY)
      const curl = (account: string): string => `curl -sk -H "Authorization: Bearer $(kubectl create token ${account})" "https://172.18.0.3:10250/containerLogs/default/web/web?tailLines=1"`
      run('kubectl create serviceaccount reader; kubectl create clusterrole logs --verb=get --resource=nodes/proxy; kubectl create clusterrolebinding logs --clusterrole=logs --serviceaccount=default:reader')
      expect(run(curl('reader')).output).toBe(run('kubectl logs web --tail=1').output)
      expect(run(curl('default')).output).toBe('Forbidden (user=system:serviceaccount:default:default, verb=get, resource=nodes, subresource(s)=[proxy])\n')
    })
  })
})
