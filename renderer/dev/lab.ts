import type { LabCard, LabView } from '../../electron/bridge/view.ts'

export const catalog: Record<string, LabCard> = Object.fromEntries(
  (
    [
      { id: 'containers-in-one-pod', title: 'Containers in one Pod', summary: 'A web server and a database share one network namespace, one address and localhost.', track: 'Foundations', level: 'beginner', minutes: 15, steps: 5, passed: 5, state: 'finished' },
      { id: 'pod-to-pod', title: 'Pod to Pod', summary: 'Follow a packet through the bridge of one node and across the wire to another, with no NAT on the way.', track: 'Foundations', level: 'beginner', minutes: 20, steps: 6, passed: 2, state: 'started' },
      { id: 'a-stable-address', title: 'A stable address', summary: 'Pods come and go and their addresses with them; a Service stays. See who chooses, and how.', track: 'Services', level: 'intermediate', minutes: 25, steps: 7, passed: 0, state: 'new' },
      { id: 'lost-route', title: 'The lost route', summary: 'Two Pods that could talk yesterday cannot today. Find the missing row.', track: 'Troubleshooting', level: 'advanced', minutes: 30, steps: 4, passed: 0, state: 'new' },
      { id: 'my-own', title: 'My own lab', summary: '', track: 'Troubleshooting', level: 'beginner', minutes: 10, steps: 0, passed: 0, state: 'new', error: 'labs/my-own/lab.yaml:12: steps[1].checks[0].journey.verdict is "arrived"; expected one of delivered, refused, rejected, dropped, unreachable, timeout' },
    ] satisfies LabCard[]
  ).map((card) => [card.id, card]),
)

const fence = '```'
const text = `A Pod's address belongs to its *network namespace*. The **veth pair** is its cable: one end is \`eth0\` in the Pod, the other is a port of the bridge \`cni0\`.

Look at both ends:

${fence}console
kubectl get pods -o wide
kubectl exec client -- ip addr show eth0
${fence}

1. Note the address of \`client\`.
2. Ask a web server for its page:

   ${fence}sh
   kubectl exec client -- curl -s http://10.244.1.5
   ${fence}

The answer came **without any NAT**. This manifest is only to read:

${fence}yaml
apiVersion: v1
kind: Pod
metadata:
  name: client
${fence}

| table | what it decides |
| --- | --- |
| route | which interface is next |
| fdb | which port of the bridge |

See [the reference](https://kubernetes.io/docs/) when you are online. <img src=x onerror=alert(1)> ![a remote image](http://example.com/x.png)`

export function lab(): LabView {
  return {
    id: 'pod-to-pod',
    title: 'Pod to Pod',
    track: 'Foundations',
    active: 3,
    finished: false,
    finish: null,
    steps: {
      1: { number: 1, title: 'Two Pods on one node', text: 'Create two Pods.', state: 'passed', checks: { 'two-pods': { id: 'two-pods', title: 'Two Pods run on worker-1', kind: 'resource', state: 'passed', found: null, hints: [], hintsLeft: 0 } } },
      2: { number: 2, title: 'The bridge between them', text: 'Ping through cni0.', state: 'passed', checks: { ping: { id: 'ping', title: 'client reached web through cni0', kind: 'journey', state: 'passed', found: null, hints: [], hintsLeft: 0 } } },
      3: {
        number: 3, title: 'Across the wire', text, state: 'active',
        checks: {
          cross: { id: 'cross', title: 'client reached a web Pod on another node', kind: 'journey', state: 'failing', found: 'The last connection from client went to 10.244.2.5, which is on worker-2, the same node.', hints: ['Which node does each Pod run on? `kubectl get pods -o wide` says.'], hintsLeft: 2 },
          nonat: { id: 'nonat', title: 'The server saw the address of the client', kind: 'journey', state: 'waiting', found: null, hints: [], hintsLeft: 2 },
          quiz: { id: 'quiz', title: 'What decides the next node?', kind: 'quiz', state: 'waiting', found: null, hints: [], hintsLeft: 1, quiz: { question: 'What decides to which node a packet for `10.244.1.5` goes?', choices: ["The node's routing table", 'kube-proxy', 'The API server', 'DNS'], answered: null } },
          words: { id: 'words', title: 'Name the device', kind: 'quiz', state: 'waiting', found: null, hints: [], hintsLeft: 0, quiz: { question: 'Which device wraps the packet on worker-2?', choices: null, answered: null } },
        },
      },
      4: { number: 4, title: 'Watch both ends with tcpdump', text: 'Run `tcpdump` on both.', state: 'todo', checks: { dump: { id: 'dump', title: 'A capture file holds the request', kind: 'file', state: 'waiting', found: null, hints: [], hintsLeft: 1 } } },
      5: { number: 5, title: 'When the node is gone', text: 'Stop a node.', state: 'todo', checks: {} },
      6: { number: 6, title: 'What you know now', text: '', state: 'todo', checks: {} },
    },
  }
}
