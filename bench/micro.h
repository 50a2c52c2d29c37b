// What the benchmark's files share: an operation does its thing n times.
#ifndef MICRO_H
#define MICRO_H
void op_tcp_pingpong(long n);
void op_unix_pingpong(long n);
void op_udp_pingpong(long n);
void op_tcp_bulk(long n);
void op_unix_bulk(long n);
void op_connect_close(long n);
#endif
