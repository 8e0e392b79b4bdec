# A bridge, a default route, masquerading to the outside and a published port.
ip link set lo up
ip netns add netns0
ip link add veth0 type veth peer name ceth0
ip link set veth0 up
ip link set ceth0 netns netns0
ip -n netns0 link set lo up
ip -n netns0 link set ceth0 up
ip -n netns0 addr add 172.28.0.10/16 dev ceth0
ip netns add netns1
ip link add veth1 type veth peer name ceth1
ip link set veth1 up
ip link set ceth1 netns netns1
ip -n netns1 link set lo up
ip -n netns1 link set ceth1 up
ip -n netns1 addr add 172.28.0.20/16 dev ceth1
ip route
ip link add br0 type bridge
ip link set br0 up
ip link set veth0 master br0
ip link set veth1 master br0
ip link
bridge link
ip netns exec netns0 ping -c 2 172.28.0.20
ip netns exec netns1 ping -c 2 172.28.0.10
ip netns exec netns0 ip neigh
ping -c 1 172.28.0.10
ip netns exec netns0 ping -c 1 10.0.9.2
ip addr add 172.28.0.1/16 dev br0
ip route
ping -c 2 172.28.0.10
bridge fdb show br br0 | grep -v permanent | wc -l
ip netns exec netns0 ip route add default via 172.28.0.1
ip netns exec netns1 ip route add default via 172.28.0.1
ip netns exec netns0 ip route
ip netns add out
ip link add up0 type veth peer name eth0 netns out
ip link set up0 up
ip addr add 10.0.9.1/24 dev up0
ip -n out link set eth0 up
ip -n out addr add 10.0.9.2/24 dev eth0
ip netns exec netns0 ping -c 1 10.0.9.1
ip netns exec netns0 ping -c 1 -W 1 10.0.9.2
cat /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv4/ip_forward
ip netns exec netns0 ping -c 1 -W 1 10.0.9.2
iptables -t nat -A POSTROUTING -s 172.28.0.0/16 ! -o br0 -j MASQUERADE
iptables -t nat --list-rules
ip netns exec netns0 ping -c 2 10.0.9.2
iptables -t nat -A PREROUTING -d 10.0.9.1 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.28.0.10:5000
iptables -t nat -A OUTPUT -d 10.0.9.1 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.28.0.10:5000
(sleep 1; echo hello) | ip netns exec netns0 nc -l -p 5000 -q 1 > /run/heard &
sleep 1
echo hi | ip netns exec out nc -q 2 10.0.9.1 5000
wait
cat /run/heard
iptables -t nat -L PREROUTING -n
ip netns exec out nc -w 1 10.0.9.1 5000; echo $?
ip netns exec out curl -s -m 2 10.0.9.1:5000; echo $?
iptables -t nat --list-rules
ip link delete br0
ip link
