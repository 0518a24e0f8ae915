module ebbtide/benches

go 1.22
