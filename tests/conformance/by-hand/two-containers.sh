# Two network namespaces with a pair of veths each: the second one cannot be reached, its subnet is that of the first.
ip netns add netns0
ip netns
ip netns exec netns0 ip link
ip netns exec netns0 ip addr
ip netns exec netns0 ip route
ip netns exec netns0 ping -c 1 127.0.0.1
ip link add veth0 type veth peer name ceth0
ip link
ip link set ceth0 netns netns0
ip link
ip link set veth0 up
ip link show veth0
ip addr add 172.28.0.11/16 dev veth0
nsenter --net=/run/netns/netns0 ip link set lo up
nsenter --net=/run/netns/netns0 ip -4 addr show lo
nsenter --net=/run/netns/netns0 ip link set ceth0 up
nsenter --net=/run/netns/netns0 ip addr add 172.28.0.10/16 dev ceth0
nsenter --net=/run/netns/netns0 ip link
nsenter --net=/run/netns/netns0 ping -c 2 172.28.0.11
ping -c 2 172.28.0.10
nsenter --net=/run/netns/netns0 ping -c 1 8.8.8.8
nsenter --net=/run/netns/netns0 ip route
ip netns add netns1
ip link add veth1 type veth peer name ceth1
ip link set ceth1 netns netns1
ip link set veth1 up
ip addr add 172.28.0.21/16 dev veth1
ip netns exec netns1 ip link set ceth1 up
ip netns exec netns1 ip addr add 172.28.0.20/16 dev ceth1
ip netns exec netns1 ping -c 1 -W 1 172.28.0.20
ip netns exec netns1 ip link set lo up
ip netns exec netns1 ping -c 1 -W 1 172.28.0.20
ip netns exec netns1 ping -c 2 172.28.0.21
ping -c 2 172.28.0.20
ip route
ip netns exec netns1 ping -c 1 172.28.0.10
