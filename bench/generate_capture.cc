// generate_capture FOLDER [packets] [flows]: writes FOLDER/capture.pcap and FOLDER/vpc.json, always
// the same for the same figures: 300 s of traffic of 200 interfaces, 10 % of it IPv6, cut at 96
// bytes a packet. A flow is one direction of a five-tuple; most are short and a few are long. It
// shares nothing with src/, so that it cannot repeat a mistake from there.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::uint32_t kStart = 1'700'000'400;  // a ten-minute mark and 0 s: one window of 600 s
constexpr std::uint32_t kSeconds = 300;
constexpr std::size_t kInterfaces = 200;
constexpr std::size_t kSnapLength = 96;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

struct Connection {
  std::array<std::uint8_t, 16> inside{};
  std::array<std::uint8_t, 16> outside{};
  std::uint16_t inside_port = 0;
  std::uint16_t outside_port = 0;
  std::uint8_t protocol = kTcp;
  bool is_ipv6 = false;
  bool opened_inside = false;
  std::uint32_t packets_sent = 0;
};

void put16(std::vector<char>& out, unsigned value) {
  out.push_back(static_cast<char>(value >> 8U));
  out.push_back(static_cast<char>(value));
}

void put32_little(std::vector<char>& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

class Generator {
 public:
  Generator(std::size_t packets, std::size_t flows) : packets_(packets) {
    connections_.resize(flows / 2);
    for (Connection& connection : connections_) fill(connection);
  }

  void write_capture(const std::string& path) {
    std::ofstream file(path, std::ios::binary);
    std::vector<char> out;
    put32_little(out, 0xa1b2c3d4);
    put32_little(out, 0x00040002);
    put32_little(out, 0);
    put32_little(out, 0);
    put32_little(out, kSnapLength);
    put32_little(out, 1);
    for (std::size_t i = 0; i < packets_; ++i) {
      const std::uint64_t micros = i * (kSeconds * 1'000'000ULL) / packets_;
      write_packet(out, micros, next_connection(i));
      if (out.size() > (1U << 20U)) {
        file.write(out.data(), static_cast<std::streamsize>(out.size()));
        out.clear();
      }
    }
    file.write(out.data(), static_cast<std::streamsize>(out.size()));
    if (!file) throw std::runtime_error(path + " cannot be written");
  }

 private:
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

  void fill(Connection& connection) {
    const auto interface = static_cast<std::uint8_t>(below(kInterfaces));
    connection.is_ipv6 = below(10) == 0;
    if (connection.is_ipv6) {
      connection.inside = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, interface};
      connection.outside = {0x26, 0x00, 0x1f, 0x18};
      for (std::size_t i = 8; i < 16; ++i)
        connection.outside[i] = static_cast<std::uint8_t>(random_());
    } else {
      connection.inside = {10, 0, 1, static_cast<std::uint8_t>(interface + 10)};
      connection.outside = {
          static_cast<std::uint8_t>(11 + below(80)), static_cast<std::uint8_t>(random_()),
          static_cast<std::uint8_t>(random_()), static_cast<std::uint8_t>(random_())};
    }
    connection.opened_inside = below(2) == 0;
    connection.protocol = below(5) == 0 ? kUdp : kTcp;
    static constexpr std::array<std::uint16_t, 8> kServices{443, 443, 443, 80, 53, 8080, 22, 3389};
    const std::uint16_t service = kServices[below(kServices.size())];
    const auto client = static_cast<std::uint16_t>(32768 + below(28000));
    connection.inside_port = connection.opened_inside ? client : service;
    connection.outside_port = connection.opened_inside ? service : client;
  }

  /// Each connection opens once, both ways; the rest of the packets go to few of them.
  Connection& next_connection(std::size_t packet) {
    const std::size_t share = packet * connections_.size() / packets_;
    if (packet % 4 == 0 || share == 0) {
      opening_ = (opening_ + 1) % (2 * connections_.size());
      return connections_[opening_ / 2];
    }
    const double popularity = static_cast<double>(random_() >> 11U) / 9007199254740992.0;
    return connections_[static_cast<std::size_t>(popularity * popularity * popularity *
                                                 static_cast<double>(share))];
  }

  void write_packet(std::vector<char>& out, std::uint64_t micros, Connection& connection) {
    const bool from_inside = (connection.packets_sent % 2 == 0) == connection.opened_inside;
    const bool is_tcp = connection.protocol == kTcp;
    unsigned flags = 0x10;
    if (connection.packets_sent == 0) flags = 0x02;
    if (connection.packets_sent == 1) flags = 0x12;
    const unsigned payload = connection.packets_sent < 3 ? 0 : below(1400);
    const unsigned transport = (is_tcp ? 20U : 8U) + payload;
    ++connection.packets_sent;
    const unsigned length = 14 + (connection.is_ipv6 ? 40U : 20U) + transport;
    const auto kept = static_cast<std::uint32_t>(std::min<std::size_t>(length, kSnapLength));
    put32_little(out, kStart + static_cast<std::uint32_t>(micros / 1'000'000));
    put32_little(out, static_cast<std::uint32_t>(micros % 1'000'000));
    put32_little(out, kept);
    put32_little(out, length);
    const std::size_t begin = out.size();
    out.insert(out.end(), 12, 2);
    put16(out, connection.is_ipv6 ? 0x86dd : 0x0800);
    const auto& src = from_inside ? connection.inside : connection.outside;
    const auto& dst = from_inside ? connection.outside : connection.inside;
    if (connection.is_ipv6) {
      put16(out, 0x6000);
      put16(out, 0);
      put16(out, transport);
      out.push_back(static_cast<char>(connection.protocol));
      out.push_back(64);
      out.insert(out.end(), src.begin(), src.end());
      out.insert(out.end(), dst.begin(), dst.end());
    } else {
      put16(out, 0x4500);
      put16(out, 20 + transport);
      put16(out, 0);
      put16(out, 0x4000);
      out.push_back(64);
      out.push_back(static_cast<char>(connection.protocol));
      put16(out, 0);
      out.insert(out.end(), src.begin(), src.begin() + 4);
      out.insert(out.end(), dst.begin(), dst.begin() + 4);
    }
    put16(out, from_inside ? connection.inside_port : connection.outside_port);
    put16(out, from_inside ? connection.outside_port : connection.inside_port);
    if (is_tcp) {
      out.insert(out.end(), 8, 0);
      put16(out, 0x5000U | flags);
      out.insert(out.end(), 6, 0);
    } else {
      put16(out, transport);
      put16(out, 0);
    }
    out.resize(begin + kept);
  }

  std::size_t packets_;
  std::mt19937_64 random_{20261123};
  std::vector<Connection> connections_;
  std::size_t opening_ = 0;
};

/// 200 interfaces in one subnet, a group of about sixty rules and an ACL of twenty. SSH and RDP
/// from outside are refused.
void write_network(const std::string& path) {
  std::ofstream out(path);
  out << R"({"Vpcs":[{"VpcId":"vpc-1","OwnerId":"123456789012","CidrBlock":"10.0.0.0/16",)"
      << R"("Ipv6CidrBlockAssociationSet":[{"Ipv6CidrBlock":"2001:db8:1::/56"}]}],)"
      << R"("Subnets":[{"SubnetId":"subnet-1","VpcId":"vpc-1","CidrBlock":"10.0.1.0/24",)"
      << R"("AvailabilityZone":"us-east-1a","Ipv6CidrBlockAssociationSet":[{"Ipv6CidrBlock":"2001:db8:1::/64"}]}],)"
      << R"("NetworkInterfaces":[)";
  for (std::size_t i = 0; i < kInterfaces; ++i) {
    out << (i == 0 ? "" : ",") << R"({"NetworkInterfaceId":"eni-)" << i
        << R"(","SubnetId":"subnet-1",)"
        << R"("PrivateIpAddress":"10.0.1.)" << i + 10
        << R"(","Ipv6Addresses":[{"Ipv6Address":"2001:db8:1::)" << std::hex << 0x100 + i << std::dec
        << R"("}],"Groups":[{"GroupId":"sg-1"}]})";
  }
  out << R"(],"SecurityGroups":[{"GroupId":"sg-1","VpcId":"vpc-1","IpPermissions":[)";
  for (int i = 0; i < 56; ++i) {
    out << R"({"IpProtocol":"tcp","FromPort":)" << 5000 + i << R"(,"ToPort":)" << 5000 + i
        << R"(,"IpRanges":[{"CidrIp":"10.)" << i << R"(.0.0/16"}]},)";
  }
  for (const char* protocol : {"tcp", "udp"}) {
    for (const int port : {443, 80, 53, 8080}) {
      out << R"({"IpProtocol":")" << protocol << R"(","FromPort":)" << port << R"(,"ToPort":)"
          << port
          << R"(,"IpRanges":[{"CidrIp":"0.0.0.0/1"},{"CidrIp":"128.0.0.0/1"}],"Ipv6Ranges":[{"CidrIpv6":"::/0"}]},)";
    }
  }
  out << R"({"IpProtocol":"icmp","FromPort":-1,"ToPort":-1,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}],)"
      << R"("IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}],"Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]}],)"
      << R"("NetworkAcls":[{"NetworkAclId":"acl-1","VpcId":"vpc-1","IsDefault":true,"Entries":[)";
  for (int i = 0; i < 16; ++i) {
    out << R"({"RuleNumber":)" << 10 + i << R"(,"Protocol":"6","RuleAction":"deny","Egress":)"
        << (i % 2 == 0 ? "false" : "true") << R"(,"CidrBlock":"198.51.)" << i
        << R"(.0/24","PortRange":{"From":0,"To":65535}},)";
  }
  out << R"({"RuleNumber":100,"Protocol":"-1","RuleAction":"allow","Egress":false,"CidrBlock":"0.0.0.0/0"},)"
      << R"({"RuleNumber":101,"Protocol":"-1","RuleAction":"allow","Egress":false,"Ipv6CidrBlock":"::/0"},)"
      << R"({"RuleNumber":100,"Protocol":"-1","RuleAction":"allow","Egress":true,"CidrBlock":"0.0.0.0/0"},)"
      << R"({"RuleNumber":101,"Protocol":"-1","RuleAction":"allow","Egress":true,"Ipv6CidrBlock":"::/0"}]}]})"
      << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw std::runtime_error("usage: generate_capture FOLDER [packets] [flows]");
    const std::string folder = argv[1];
    const std::size_t packets = argc > 2 ? std::stoul(argv[2]) : 5'000'000;
    const std::size_t flows = argc > 3 ? std::stoul(argv[3]) : 524'288;
    Generator(packets, flows).write_capture(folder + "/capture.pcap");
    write_network(folder + "/vpc.json");
  } catch (const std::exception& error) {
    std::cerr << "generate_capture: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
