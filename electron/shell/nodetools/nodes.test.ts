import { expect, test } from 'vitest'
import { house } from '../house.samples.ts'

/** A node as its administrator finds it: one story a test, each in a world of two nodes. */
const WEB = `kubectl run web --image=nginx:1.27.5 --overrides='{"spec":{"nodeName":"worker-1"}}' >/dev/null && kubectl wait --for=condition=Ready pod/web --timeout=60s >/dev/null`

function world() {
  const { run, cluster, open } = house({ nodes: 2 })
  const laptop = (script: string): string => run(script).output
  const node = (script: string): string => laptop(`hop node worker-1 -- bash -c '${script}'`)
  return { laptop, node, cluster, open, code: (script: string): number | undefined => run(`hop node worker-1 -- bash -c '${script}'`).code }
}

test('crictl shows what the kubelet runs; a stopped sandbox is made again, with a new address and one more restart', () => {
  const { laptop, node } = world()
  laptop(WEB)
  const id = laptop('kubectl get pod web -o jsonpath="{.status.containerStatuses[0].containerID}"').replace('containerd://', '')
  expect(node('crictl ps -q --name web')).toBe(`${id}\n`)
  expect(node('crictl ps --name web')).toMatch(/^CONTAINER {11}IMAGE {15}CREATED {13,18}STATE {15}NAME {16}ATTEMPT {13}POD ID {14}POD {17}NAMESPACE\n\w{13} {7}\w{13} {7}.* ago +Running {13}web {17}0 {19}\w{13} {7}web {17}default\n$/)
  expect(node('crictl exec $(crictl ps -q --name web) cat /etc/hostname')).toBe('web\n')
  expect(node('crictl logs --tail 1 $(crictl ps -q --name web)')).toMatch(/start worker process/)
  expect(node('crictl inspect -o go-template --template "{{.status.image.image}}" $(crictl ps -q --name web)')).toBe('docker.io/library/nginx:1.27.5\n')
  expect(node('crictl rmp $(crictl pods -q --name web)')).toMatch(/level=fatal msg="pod sandbox \\".*\\" is running, please stop it first"/)
  expect(node('crictl stopp $(crictl pods -q --name web)')).toMatch(/^Stopped sandbox [0-9a-f]{64}\n$/)
  laptop('sleep 5')
  expect(laptop("kubectl get pod web -o jsonpath='{.status.podIP} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].lastState.terminated.exitCode}'")).toBe('10.244.1.4 1 137')
  expect(node('crictl pods --name web')).toMatch(/Ready +web +default +1 .*\n.*NotReady +web +default +0 /)
  expect(node('crictl inspect nope')).toMatch(/E\d{4} .* log.go:32\] "ContainerStatus from runtime service failed" err="rpc error: code = NotFound desc = an error occurred when try to find container \\"nope\\": not found" containerID="nope"\n.*level=fatal/)
  expect(node('crictl stats')).toBe('podhop: not simulated: crictl stats (use crictl ps: a simulated container uses no resources)\n')
})

test('processes of Pods have numbers on the node, and nsenter and ip netns go into their network namespaces', () => {
  const { laptop, node, code } = world()
  laptop(WEB)
  const ip = laptop("kubectl get pod web -o jsonpath='{.status.podIP}'")
  expect(node('crictl inspect -o go-template --template {{.info.pid}} $(crictl ps -q --name web); pgrep nginx | head -1')).toMatch(/^(\d+)\n\1\n$/)
  expect(node('nsenter -t $(pgrep nginx | head -1) -n ip -br -4 addr show eth0')).toContain(`${ip}/24`)
  expect(node('nsenter -t $(pgrep nginx | head -1) -n curl -sI localhost')).toContain('200 OK')
  expect(node('nsenter -t $(pgrep nginx | head -1) -m cat /etc/hostname')).toBe('web\n')
  expect(node('nsenter -t $(pgrep nginx | head -1) -n cat /proc/net/dev')).not.toContain('cni0')
  expect(node('ip netns identify $(pgrep nginx | head -1); ip netns | head -1')).toMatch(/^(cni-[0-9a-f-]{36})\n\1 \(id: \d\)\n$/)
  expect(node('ip link show type veth')).toContain('link-netns cni-')
  expect(node('ps -ef | grep -c containerd-shim-runc-v[2]')).toBe('4\n')
  expect(node('nsenter -t 99999 -n ls')).toBe('nsenter: cannot open /proc/99999/ns/net: No such file or directory\n')
  expect(code('nsenter -t 1 -n nosuch')).toBe(127)
  expect(node('nsenter -t 1 -r ls')).toBe('podhop: not simulated: nsenter -r (use -m, and cd)\n')
  expect(node('nsenter -t $(pgrep nginx | head -1) -n ss -tlnpH | grep -c "pid=$(pgrep nginx | head -1),"')).toBe('2\n')
  // killed from the node, as the kernel lets its root do
  expect(node('kill -9 $(pgrep -f master)')).toBe('')
  laptop('sleep 5')
  expect(laptop("kubectl get pod web -o jsonpath='{.status.containerStatuses[0].restartCount}'")).toBe('1')
  // and one of one's own: a link between two namespaces
  node('ip netns add blue; ip link add v0 type veth peer name v1; ip link set v1 netns blue; ip addr add 10.9.9.1/24 dev v0; ip link set v0 up; ip -n blue addr add 10.9.9.2/24 dev v1; ip -n blue link set v1 up')
  expect(node('ip netns exec blue ping -c1 10.9.9.1')).toContain('1 packets transmitted, 1 received')
  expect(node('ip netns del blue; ip link show v0')).toBe('Device "v0" does not exist.\n')
})

test('hostnamectl shows the ids that the Node has, too', () => {
  const { laptop, node } = world()
  const info = (field: string): string => laptop(`kubectl get node worker-1 -o jsonpath='{.status.nodeInfo.${field}}'`)
  expect(node('hostnamectl')).toBe(` Static hostname: worker-1
       Icon name: computer
      Machine ID: ${info('machineID')}
         Boot ID: ${info('bootID').replaceAll('-', '')}
Operating System: Debian GNU/Linux 12 (bookworm)
          Kernel: Linux 6.1.0-32-amd64
    Architecture: x86-64
`)
  expect(node('cat /etc/machine-id; hostnamectl hostname')).toBe(`${info('machineID')}\nworker-1\n`)
})

test('a stopped kubelet makes its node NotReady, and what runs is still reached; the journal tells', () => {
  const { laptop, node } = world()
  laptop(WEB)
  expect(node('systemctl is-active kubelet; systemctl stop kubelet; systemctl is-active kubelet')).toBe('active\ninactive\n')
  laptop('sleep 55')
  expect(laptop('kubectl get nodes worker-1')).toContain('NotReady')
  expect(laptop("hop trace node/control-plane $(kubectl get pod web -o jsonpath='{.status.podIP}'):80")).toContain('delivered')
  expect(node('systemctl status kubelet')).toMatch(/^○ kubelet.service - kubelet: The Kubernetes Node Agent\n[^]* Active: inactive \(dead\) since Mon 2026-01-05 .* UTC; 5\ds ago\n[^]*systemd\[1\]: Stopped kubelet.service/)
  node('systemctl start kubelet')
  laptop('sleep 2')
  expect(laptop('kubectl get nodes worker-1')).toContain(' Ready')
  expect(laptop("kubectl get pod web -o jsonpath='{.status.containerStatuses[0].restartCount}'")).toBe('0')
  // its configuration is read at its start: whom new Pods ask for names
  node('sed -i "s/- 10.96.0.10/- 10.96.0.53/" /var/lib/kubelet/config.yaml; systemctl restart kubelet')
  laptop(`kubectl run asks --image=busybox:1.37.0 --overrides='{"spec":{"nodeName":"worker-1"}}' -- sleep 1000; sleep 5`)
  expect(laptop('kubectl exec asks -- grep nameserver /etc/resolv.conf')).toBe('nameserver 10.96.0.53\n')
  // systemd brings back what is killed
  node('kill -9 $(pgrep -x kubelet)')
  expect(node('systemctl is-active kubelet; sleep 11; systemctl is-active kubelet')).toBe('activating\nactive\n')
  expect(node('journalctl -u kubelet -o cat')).toMatch(/Main process exited, code=killed, status=9\/KILL\n.*Failed with result 'signal'\.\n.*Scheduled restart job, restart counter is at 1\.\nStarted kubelet\.service/)
  laptop(`kubectl run sick --image=nginx:1.27.5 --overrides='{"spec":{"nodeName":"worker-1","containers":[{"name":"sick","image":"nginx:1.27.5","readinessProbe":{"httpGet":{"path":"/nope","port":80},"periodSeconds":1}}]}}'; sleep 6`)
  expect(node('journalctl -u kubelet --since -1min | grep -m1 prober')).toMatch(/^Jan 05 \d\d:\d\d:\d\d worker-1 kubelet\[\d+\]: I0105 .* prober\.go:107\] "Probe failed" probeType="Readiness" pod="default\/sick" podUID="[0-9a-f-]{36}" containerName="sick" probeResult="failure" output="HTTP probe failed with statuscode: 404"\n$/)
})

test('without containerd nothing starts or ends, and the node says why', () => {
  const { laptop, node } = world()
  laptop(WEB)
  node('systemctl stop containerd')
  expect(node('crictl ps')).toContain('dial unix /run/containerd/containerd.sock: connect: no such file or directory')
  laptop(`kubectl run late --image=nginx:1.27.5 --overrides='{"spec":{"nodeName":"worker-1"}}'; sleep 60`)
  expect(laptop("kubectl get node worker-1 -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].message}'")).toBe('container runtime is down')
  expect(laptop("kubectl get pods --no-headers -o custom-columns=N:.metadata.name,P:.status.phase")).toBe('late   Pending\nweb    Running\n')
  node('systemctl start containerd')
  laptop('sleep 10')
  expect(laptop('kubectl get nodes worker-1')).toContain(' Ready')
  expect(laptop("kubectl get pods --no-headers -o custom-columns=N:.metadata.name,P:.status.phase,R:.status.containerStatuses[0].restartCount")).toBe('late   Running   0\nweb    Running   0\n')
})

test('a node is debugged from a Pod: chroot /host has its tools, and only the capabilities that the Pod has', () => {
  const { laptop } = world()
  laptop(`${WEB}; kubectl debug node/worker-1 --image=busybox:1.37.0 --profile=legacy --attach=false -- sleep 1000; sleep 4`)
  const exec = (command: string): string => laptop(`kubectl exec $(kubectl get pods -o name | grep debugger) -- ${command}`)
  expect(exec('chroot /host crictl pods --name web -q')).toMatch(/^[0-9a-f]{64}\n$/)
  expect(exec('chroot /host cat /etc/hostname')).toBe('worker-1\n')
  expect(exec('ls /host/etc/kubernetes')).toBe('kubelet.conf\nmanifests\npki\n')
  expect(exec('sh -c "tail -n 1 /host/var/log/pods/default_web_*/web/0.log"')).toMatch(/^2026-01-05T\d\d:\d\d:\d\d\.\d{9}Z stderr F .*start worker process/)
  expect(exec('chroot /host nsenter -t 1 -n ip addr')).toContain("nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted")
  expect(exec('chroot /nowhere ls')).toContain("can't change root directory to '/nowhere': No such file or directory")
})

test('crictl and ctr explain their commands, and crictl keeps its configuration', () => {
  const { node } = world()
  expect(node('crictl exec')).toContain('USAGE:\n   crictl exec [command options] [CONTAINER-ID] COMMAND [ARG...]\n\nDESCRIPTION:\n   The CONTAINER-ID is only required')
  expect(node('crictl images --help')).toContain('Filter output based on provided conditions.\n      Available filters: \n')
  expect(node('crictl ps --watch')).toMatch(/^Incorrect Usage: flag provided but not defined: -watch\n\nNAME:\n {3}crictl ps - List containers\n/)
  expect(node('crictl config --set timeout=5; crictl config --get timeout; crictl config --set colour=red')).toMatch(/^5\n.*no configuration option named colour/)
  expect(node('ctr tasks')).toContain('   delete, del, remove, rm  Delete one or more tasks\n')
  expect(node('ctr -n k8s.io containers info nope')).toBe('ctr: container "nope" in namespace "k8s.io": not found\n')
})

test('systemctl and journalctl read their options: what an option takes is no unit, and what nobody knows is an error', () => {
  const { node } = world()
  expect(node('systemctl status kubelet -n 0; systemctl list-units --state=running --no-legend "kube*"')).toMatch(/^● kubelet\.service [^]* \/usr\/bin\/kubelet .*\n {2}kubelet\.service loaded active running kubelet: The Kubernetes Node Agent\n$/)
  expect(node('systemctl foo; systemctl --foo; systemctl -n; systemctl enable foo; systemctl status foo.timer')).toBe("Unknown command verb foo.\nsystemctl: unrecognized option '--foo'\nsystemctl: option requires an argument -- 'n'\nFailed to enable unit: Unit file foo.service does not exist.\nUnit foo.timer could not be found.\n")
  expect(node('journalctl kubelet; journalctl -b -1; journalctl -g "("; journalctl --foo')).toBe(`Failed to add match 'kubelet': Invalid argument\nData from the specified boot (-1) is not available: No such boot ID in journal\nBad pattern "(": missing closing parenthesis\njournalctl: unrecognized option '--foo'\n`)
  expect(node('journalctl -u "kube*" -n 1 -o short-iso-precise')).toMatch(/^2026-01-05T\d\d:\d\d:\d\d\.\d{6}\+0000 worker-1 kubelet\[\d+\]: /)
})

test('what a node has besides, and nobody has written, says what to use', () => {
  const { node, code } = world()
  expect(node('nstat; iptables-legacy -S; lsof -i :10250')).toBe(
    ['nstat (netstat -s)', 'iptables-legacy (iptables)', 'lsof (ss -tulnp)'].map((line) => `podhop: not simulated: ${line}\n`).join(''))
  expect(code('nstat')).toBe(69)
  expect(node('apt-get install -y tcpdump')).toContain('podhop: not simulated: apt-get')
})
